import { waitableMs } from '../waitable-ms.ts'
import type { GatewayServer, GatewaySocket } from './connection.ts'
import { EncodedJson } from './encoded-json.ts'

/** The rest of the time is for those that are on their way. */
const leavingShare = 0.8

/** Sends the clients of a server that is about to end elsewhere, not all at the same moment. */
export class Farewell {
  readonly #io: GatewayServer
  #done: Promise<void> | undefined

  constructor(io: GatewayServer) {
    this.#io = io
  }

  /** From now on nobody else is to be let in. */
  get isBegun(): boolean {
    return this.#done !== undefined
  }

  /** Asks everybody to leave; resolves when all have left, or when the time is over. */
  bid(withinMs: number): Promise<void> {
    return (this.#done ??= this.#bid(waitableMs(withinMs)))
  }

  #bid(withinMs: number): Promise<void> {
    const leave = new EncodedJson(JSON.stringify({ withinMs: Math.floor(withinMs * leavingShare) }))
    const { sockets } = this.#io.sockets
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs)
      const look = () => {
        if (sockets.size > 0) return
        clearTimeout(timer)
        resolve()
      }
      const tell = (socket: GatewaySocket) => {
        socket.on('disconnect', look)
        socket.emit('leave', leave)
      }
      for (const socket of sockets.values()) tell(socket)
      this.#io.on('connection', tell) // who had been let in when it began
      look()
    })
  }
}
