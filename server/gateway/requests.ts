import type { Logger } from 'pino'
import { RowcastError } from '../../shared/errors.ts'
import type { Reply } from '../../shared/protocol.ts'
import type { Turns } from '../breather.ts'
import { isOutage } from '../db/failures.ts'
import type { Metrics } from '../metrics.ts'
import { internal, replyTo } from './answer.ts'
import type { GatewaySocket } from './connection.ts'
import type { Limits } from './limits.ts'
import { TokenBucket } from './token-bucket.ts'
import type { Usage } from './usage.ts'

/** What answers one kind of message. */
export interface Handler {
  /** The answer; of whatever the client has sent. */
  answer(request: unknown): Promise<unknown>
  /** How many messages it counts for. Default: one; 0: it is welcome however fast it comes. */
  costOf?(request: unknown): number
}

export interface RequestsParts {
  /** By the name of the message. */
  readonly handlers: ReadonlyMap<unknown, Handler>
  readonly usage: Usage
  /** Of all who ask. */
  readonly turns: Turns
  readonly limits: Limits
  readonly metrics: Metrics
  readonly logger: Logger
}

/**
 * The requests of one connection: each is answered exactly once, if the client wants an answer, and no more are taken on
 * than the limits allow. Who goes on sending what makes no sense is cut off.
 */
export class Requests {
  readonly #socket: GatewaySocket
  readonly #parts: RequestsParts
  readonly #messages: TokenBucket
  #pending = 0
  #invalidInARow = 0

  constructor(socket: GatewaySocket, parts: RequestsParts) {
    const { messagesPerSecond, messagesAtOnce } = parts.limits
    this.#socket = socket
    this.#parts = parts
    this.#messages = new TokenBucket(messagesPerSecond, messagesAtOnce)
  }

  get isIdle(): boolean {
    return this.#pending === 0
  }

  /** @param args the message, and last, if an answer is wanted, a function; but a client may send anything, or nothing */
  async receive(event: unknown, args: readonly unknown[]): Promise<void> {
    const result = await this.#resultOf(event, args[0])
    if (!result || !this.#socket.connected) return
    if (!result.ok) this.#parts.metrics.messageRefused(result.code)
    const reply = args.at(-1)
    if (typeof reply === 'function') reply(result)
    this.#judge(result)
  }

  async #resultOf(event: unknown, request: unknown): Promise<Reply<unknown> | undefined> {
    this.#pending += 1
    try {
      return await replyTo(() => this.#take(event, request))
    } catch (error) {
      this.#parts.logger.error({ err: error }, 'could not answer a request')
      // Without the database there is no answer yet: the client comes back and asks again.
      return isOutage(error) ? void this.#socket.disconnect(true) : internal
    } finally {
      this.#pending -= 1
    }
  }

  #take(event: unknown, request: unknown): Promise<unknown> {
    const { handlers, usage, turns } = this.#parts
    const handler = handlers.get(event)
    if (!handler) throw new RowcastError('invalid_message', `there is no message ${JSON.stringify(event)}`)
    const cost = handler.costOf?.(request) ?? 1
    if (cost === 0) return handler.answer(request)
    this.#charge(cost)
    return usage.lane.run(async () => {
      await turns.next()
      if (!this.#socket.connected) throw new RowcastError('disconnected', 'the client has gone')
      return handler.answer(request)
    })
  }

  /** @throws {RowcastError} `too_fast` */
  #charge(cost: number): void {
    const { pendingRequests, messagesPerSecond, messagesPerSecondPerIdentity } = this.#parts.limits
    if (this.#pending > pendingRequests)
      throw tooFast(`${pendingRequests} requests await their answer (limits.pendingRequests)`)
    if (!this.#messages.take(cost))
      throw tooFast(
        `more than ${messagesPerSecond} messages a second came over this connection (limits.messagesPerSecond)`,
      )
    if (!this.#parts.usage.messages.take(cost))
      throw tooFast(
        `more than ${messagesPerSecondPerIdentity} messages a second came from this user (limits.messagesPerSecondPerIdentity)`,
      )
  }

  #judge(result: Reply<unknown>): void {
    if (result.ok) this.#invalidInARow = 0
    else if (result.code === 'invalid_message') this.#invalidInARow += 1
    if (this.#invalidInARow < this.#parts.limits.invalidMessages) return
    this.#invalidInARow = 0
    this.#parts.metrics.connectionEnded('invalid_messages')
    this.#socket.disconnect(true)
  }
}

function tooFast(why: string): RowcastError {
  return new RowcastError('too_fast', `${why}: try again a little later`)
}
