import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'engine.io'
import type { Logger } from 'pino'
import { PacketType } from 'socket.io-parser'
import type { Metrics, OffenceReason } from '../metrics.ts'
import type { GatewayServer } from './connection.ts'
import type { Limits } from './limits.ts'
import { byteBucket, TokenBucket } from './token-bucket.ts'
import type { Usage } from './usage.ts'

/** Far above what is answered with `too_fast`. */
const floodFactor = 10
/** A refused client asks again over the connection that it has; it never asks for so much at once. */
const connectsPerSecond = 1
const connectsAtOnce = 10

export interface IntakeParts {
  readonly limits: Limits
  readonly metrics: Metrics
  readonly logger: Logger
  /** What the identity has that has come in over a connection; undefined before one has. */
  usageOf(connection: Socket): Usage | undefined
}

/**
 * Looks at what comes over each connection before anything of it is parsed or answered, and ends those over which comes
 * what no client of ours sends: binary messages, and too much.
 */
export function guardIntake({ engine }: GatewayServer, parts: IntakeParts): void {
  const guards = new Map<string, Guard>()
  engine.on('connection', (connection: Socket) => {
    const { sid } = connection.transport
    guards.set(sid, new Guard(connection, parts))
    connection.on('close', () => guards.delete(sid))
  })
  // To a message that is too large for polling Engine.IO says so, and goes on.
  engine.use((request: IncomingMessage, response: unknown, next: () => void) => {
    if (response instanceof ServerResponse)
      response.on('close', () => {
        if (response.statusCode !== tooLarge) return
        guards.get(sidOf(request))?.end('message_too_large')
        request.destroy() // the rest of it is not read
      })
    next()
  })
}

/** Of HTTP. */
const tooLarge = 413

function sidOf({ url = '' }: IncomingMessage): string {
  return new URL(url, 'http://localhost').searchParams.get('sid') ?? ''
}

/** Of one connection. */
class Guard {
  readonly #connection: Socket
  readonly #parts: IntakeParts
  readonly #packets: TokenBucket
  readonly #bytes: TokenBucket
  readonly #connects = new TokenBucket(connectsPerSecond, connectsAtOnce)

  constructor(connection: Socket, parts: IntakeParts) {
    const { messagesPerSecond, messagesAtOnce, bytesPerSecond } = parts.limits
    this.#connection = connection
    this.#parts = parts
    this.#packets = new TokenBucket(
      messagesPerSecond * floodFactor,
      messagesPerSecond * floodFactor + messagesAtOnce * 2,
    )
    this.#bytes = byteBucket(bytesPerSecond)
    connection.on('packet', ({ data }: { data?: unknown }) => {
      const reason = this.#offenceOf(data)
      if (reason) this.end(reason)
    })
    connection.on('close', (_reason: string, cause?: unknown) => {
      // Engine.IO keeps no more than the text of ws's error.
      if (cause instanceof Error && cause.message.includes('Max payload size'))
        this.#count('message_too_large')
    })
  }

  end(reason: OffenceReason): void {
    this.#count(reason)
    const { socket } = this.#connection.transport as { socket?: { terminate(): void } } // polling has none
    this.#connection.close(true)
    socket?.terminate() // nothing more is read, whatever else is on its way
  }

  #offenceOf(data: unknown): OffenceReason | undefined {
    if (!this.#packets.take()) return 'too_fast'
    if (data === undefined) return undefined // a heartbeat
    if (typeof data !== 'string') return 'invalid_packet'
    const type: PacketType = Number(data.charAt(0)) // as Socket.IO has it: a blank is a 0
    if (type === PacketType.BINARY_EVENT || type === PacketType.BINARY_ACK) return 'invalid_packet'
    if (!this.#bytes.take(data.length)) return 'too_many_bytes'
    if (this.#parts.usageOf(this.#connection)?.bytes.take(data.length) === false) return 'too_many_bytes'
    return type === PacketType.CONNECT && !this.#connects.take() ? 'too_fast' : undefined
  }

  #count(reason: OffenceReason): void {
    const { metrics, logger } = this.#parts
    metrics.connectionEnded(reason)
    logger.info({ reason, address: this.#connection.remoteAddress }, 'ended a connection')
  }
}
