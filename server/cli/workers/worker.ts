import { setupWorker } from '@socket.io/sticky'
import type { Server as HttpServer } from 'node:http'
import type { Server } from 'socket.io'
import type { Rowcast } from '../../main.ts'
import { Dialogue, workerVariable, type Message, type WorkersHealth } from './messages.ts'

/** Of this process, if it is a worker of `rowcast serve`. */
export const workerNumber = process.env[workerVariable]

const answerWithinMs = 2_000

/** Takes the connections that the primary process hands on, and answers it. */
export class Primary {
  readonly #dialogue: Dialogue

  constructor(rowcast: Rowcast, httpServer: HttpServer) {
    const send = (message: Message) => void process.send?.(message, undefined, undefined, () => undefined) // it may have gone
    this.#dialogue = new Dialogue(send, {
      health: () => rowcast.health(),
      metrics: () => rowcast.metrics.getMetricsAsJSON(),
    })
    // Until somebody listens, messages wait: connections, too, that came before this worker was ready for them.
    setupWorker({ httpServer, engine: rowcast.engine } as Server)
    process.on('message', (message: Message) => this.#dialogue.receive(message))
    send({ type: 'rowcast:ready' })
  }

  /** Of all workers. */
  async health(): Promise<WorkersHealth> {
    const health = await this.#dialogue.ask('allHealth', answerWithinMs)
    if (!health) throw new Error('the primary process does not answer')
    return health
  }
}
