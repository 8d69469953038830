import * as parser from 'socket.io-parser'

/**
 * A message that is JSON text already. Rows come from PostgreSQL as text and go to the socket as text:
 * what many sessions get is encoded once, and not parsed on the way.
 */
export class EncodedJson {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Socket.IO's own encoder, but for events that carry one EncodedJson. The wire format is Socket.IO's. */
class Encoder extends parser.Encoder {
  override encode(packet: parser.Packet): unknown[] {
    const [event, message] = Array.isArray(packet.data) ? packet.data : []
    if (packet.type !== parser.PacketType.EVENT || !(message instanceof EncodedJson))
      return super.encode(packet)
    const namespace = packet.nsp === '/' ? '' : `${packet.nsp},`
    return [`${packet.type}${namespace}[${JSON.stringify(event)},${message.text}]`]
  }
}

/** For Socket.IO's `parser` option on the server. Clients need none. */
export const encodedJsonParser = { Encoder, Decoder: parser.Decoder }
