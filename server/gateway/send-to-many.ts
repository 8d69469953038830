import type { ServerToClientEvents } from '../../shared/protocol.ts'
import type { GatewaySocket } from './connection.ts'
import { packetOf, type EncodedJson } from './encoded-json.ts'

/**
 * Encodes what many sockets are to be sent. As Socket.IO's rooms do, but a room for each session would be looked up for each message,
 * and the WebSocket frame is one piece: a plain write for each socket costs less than one of a head and a body.
 *
 * @returns sends it to one socket
 */
export function forMany(
  event: keyof ServerToClientEvents,
  message: EncodedJson,
): (socket: Pick<GatewaySocket, 'connected' | 'conn'>) => void {
  const packet = packetOf(event, message)
  // As Socket.IO's adapter hands it to Engine.IO. Other transports take the packet, for which the frame is left unused.
  const options: { compress?: boolean; wsPreEncodedFrame: Buffer[] } = {
    wsPreEncodedFrame: [textFrame(engineMessage + packet)],
  }
  return (socket) => {
    if (socket.connected) socket.conn.write(packet, options)
  }
}

/** Of Engine.IO's protocol. */
const engineMessage = '4'

/** A text as one WebSocket message, from a server: final, and not masked. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const headLength = length < 126 ? 2 : length < 2 ** 16 ? 4 : 10
  const frame = Buffer.allocUnsafe(headLength + length)
  frame[0] = finalText
  if (headLength === 2) frame[1] = length
  else if (headLength === 4) {
    frame[1] = lengthOf16Bits
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = lengthOf64Bits
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(text, headLength)
  return frame
}

const finalText = 0x81
const lengthOf16Bits = 126
const lengthOf64Bits = 127
