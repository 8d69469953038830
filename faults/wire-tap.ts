import { Socket } from 'socket.io-client'
import type { Random } from '../audit/random.ts'

/** Sees what a client's sockets send and get. */
export interface WireTap {
  readonly random: Random
  /** The number of a connection that has just been made. */
  nextConnection(): number
  /** The request goes out now; what is returned gets the answer. */
  asked(connection: number, request: string, body: unknown): (answer: unknown) => void
  given(connection: number, message: string, body: unknown): void
}

/** How often a request is sent once more: at once, or late, when newer ones have been sent. */
const repeatedRequests = 0.08
/** How often a message is handed to the client once more. */
const repeatedMessages = 0.03
const lateMs = 3_000

/**
 * What a retry may repeat. Not `unsubscribe`: one that came after a newer `subscribe` would mean what it says,
 * and no client of ours sends it again.
 */
const repeatable: ReadonlySet<string> = new Set(['attach', 'subscribe', 'ack'])

interface Packet {
  readonly data?: readonly [string, unknown]
}
/** Socket.IO's own names: a TCP stream cannot repeat messages, so it is done where they are whole. */
interface SocketInside {
  emit(event: string, ...args: unknown[]): unknown
  onevent(packet: Packet): void
  readonly id: string | undefined
  readonly connected: boolean
  readonly io: { readonly uri: string }
}

const taps = new Map<string, WireTap>()
const connections = new WeakMap<SocketInside, { tap: WireTap; id: string | undefined; connection: number }>()
let isInstalled = false

/** From now on a tap sees the sockets that are made for this origin, and some of what passes is repeated. */
export function tapWire(origin: string, tap: WireTap): void {
  taps.set(origin, tap)
  if (isInstalled) return
  isInstalled = true
  const inside = Socket.prototype as unknown as SocketInside
  const { emit, onevent } = inside
  inside.emit = function (this: SocketInside, event, ...args) {
    const found = repeatable.has(event) || event === 'unsubscribe' ? find(this) : undefined
    if (!found) return emit.call(this, event, ...args)
    const { tap, connection } = found
    const [body, reply] = args as [unknown, (...answer: unknown[]) => void]
    const answered = tap.asked(connection, event, body)
    const result = emit.call(this, event, body, (...answer: unknown[]) => {
      answered(answer.at(-1))
      reply(...answer)
    })
    if (repeatable.has(event) && tap.random.chance(repeatedRequests)) {
      const { id } = this
      const again = (): void => {
        if (this.connected && this.id === id) emit.call(this, event, body, () => undefined)
      }
      if (tap.random.chance(0.5)) again()
      else setTimeout(again, tap.random.int(1, lateMs))
    }
    return result
  }
  inside.onevent = function (this: SocketInside, packet) {
    const found = find(this)
    const [message, body] = packet.data ?? []
    if (!found || message === undefined) return onevent.call(this, packet)
    const { tap, connection } = found
    tap.given(connection, message, body)
    onevent.call(this, packet)
    if ((message === 'batch' || message === 'progress') && tap.random.chance(repeatedMessages)) {
      tap.given(connection, message, body)
      onevent.call(this, packet)
    }
  }
}

/** Of a page that has gone a new one may have the origin: its sockets are its own. */
function find(socket: SocketInside): { tap: WireTap; connection: number } | undefined {
  const known = connections.get(socket)
  const tap = known?.tap ?? taps.get(new URL(socket.io.uri).origin)
  if (!tap) return undefined
  if (known && known.id === socket.id) return known
  const connection = tap.nextConnection()
  const found = { tap, id: socket.id, connection }
  connections.set(socket, found)
  return found
}
