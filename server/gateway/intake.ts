import type { Socket } from 'engine.io'
import type { Logger } from 'pino'
import type { Metrics, OffenceReason } from '../metrics.ts'
import type { GatewayServer } from './connection.ts'
import type { Limits } from './limits.ts'
import { TokenBucket } from './token-bucket.ts'

/** Far above what is answered with `too_fast`. */
const floodFactor = 10
/** A refused client asks again over the connection that it has; it never asks for so much at once. */
const connectsPerSecond = 1
const connectsAtOnce = 10
/** A second's worth of bytes is no measure for a page that comes back and says all that it follows. */
const bytesAtOnceFactor = 10

/** Packets of Socket.IO by the first character of their text. */
const connectPacket = '0'
const binaryPackets = ['5', '6']

/**
 * Looks at what comes over each connection before anything of it is parsed or answered, and ends those over which comes
 * what no client of ours sends: binary messages, and too much.
 */
export function guardIntake(
  { engine }: GatewayServer,
  parts: { readonly limits: Limits; readonly metrics: Metrics; readonly logger: Logger },
): void {
  engine.on('connection', (connection: Socket) => guard(connection, parts))
}

function guard(connection: Socket, { limits, metrics, logger }: Parameters<typeof guardIntake>[1]): void {
  const packets = new TokenBucket(
    limits.messagesPerSecond * floodFactor,
    limits.messagesPerSecond * floodFactor + limits.messagesAtOnce * 2,
  )
  const bytes = new TokenBucket(limits.bytesPerSecond, limits.bytesPerSecond * bytesAtOnceFactor)
  const connects = new TokenBucket(connectsPerSecond, connectsAtOnce)

  const offenceOf = (data: unknown): OffenceReason | undefined => {
    if (!packets.take()) return 'too_fast'
    if (data === undefined) return undefined // a heartbeat
    if (typeof data !== 'string' || binaryPackets.includes(data.charAt(0))) return 'invalid_packet'
    if (!bytes.take(data.length)) return 'too_many_bytes'
    return data.startsWith(connectPacket) && !connects.take() ? 'too_fast' : undefined
  }
  const end = (reason: OffenceReason) => {
    metrics.connectionEnded(reason)
    logger.info({ reason, address: connection.remoteAddress }, 'ended a connection')
  }
  connection.on('packet', ({ data }: { data?: unknown }) => {
    const reason = offenceOf(data)
    if (!reason) return
    end(reason)
    const { socket } = connection.transport as { socket?: { terminate(): void } } // polling has none
    connection.close(true)
    socket?.terminate() // nothing more is read, whatever else is on its way
  })
  connection.on('close', (_reason: string, cause?: unknown) => {
    // Engine.IO keeps no more than the text of ws's error.
    if (cause instanceof Error && cause.message.includes('Max payload size')) end('message_too_large')
  })
}
