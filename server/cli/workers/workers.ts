import cluster, { type Worker } from 'node:cluster'
import type { Logger } from 'pino'
import { AggregatorRegistry } from 'prom-client'
import type { Health } from '../../main.ts'
import { Dialogue, workerVariable, type Answers, type Message, type WorkersHealth } from './messages.ts'

/** One that dies soon after it was started is not started again at once. */
const firstDelayMs = 100
const longestDelayMs = 10_000
const soonMs = 30_000
/** Who does not answer is counted out: it may be frozen. */
const answerWithinMs = 1_000

interface Running {
  readonly worker: Worker
  readonly dialogue: Dialogue
  readonly startedAt: number
  isReady: boolean
}

/** The worker processes of `rowcast serve`, each a whole server. One that dies is replaced. */
export class Workers {
  readonly #count: number
  readonly #logger: Logger
  /** By their number. */
  readonly #running = new Map<number, Running>()
  readonly #waiting = new Map<number, NodeJS.Timeout>()
  /** How often each has died soon, in a row. */
  readonly #failures = new Map<number, number>()
  #isStopping = false
  #onEnd: () => void = () => undefined

  constructor(count: number, logger: Logger) {
    this.#count = count
    this.#logger = logger
  }

  /** Resolves when all are ready; rejects when one cannot start, which says itself why. */
  async start(): Promise<void> {
    cluster.setupPrimary({ serialization: 'advanced' }) // as @socket.io/sticky wants it
    const numbers = Array.from({ length: this.#count }, (_, i) => i + 1)
    await Promise.all(
      numbers.map(
        (number) =>
          new Promise<void>((resolve, reject) => {
            const onEnd = () => reject(new Error(`worker ${number} could not start`))
            this.#fork(number, resolve, onEnd)
          }),
      ),
    )
  }

  /** Has all end in good order, and resolves when they have. */
  stop(signal: NodeJS.Signals): Promise<void> {
    this.#isStopping = true
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    for (const { worker } of this.#running.values()) worker.process.kill(signal)
    return new Promise((resolve) => {
      this.#onEnd = () => {
        if (this.#running.size === 0) resolve()
      }
      this.#onEnd()
    })
  }

  /** Well while one of them is: the others' clients come to it. */
  async health(): Promise<WorkersHealth> {
    const all = await this.#ask('health')
    const sum = (of: (health: Health) => number) => all.reduce((sum, health) => sum + of(health), 0)
    return {
      status: this.#isStopping
        ? 'draining'
        : all.some(({ status }) => status === 'ok')
          ? 'ok'
          : 'unavailable',
      isReading: all.some(({ isReading }) => isReading),
      connections: sum(({ connections }) => connections),
      sessions: sum(({ sessions }) => sessions),
      workers: all.length,
    }
  }

  /** Of all of them together, as text for Prometheus. */
  async metrics(): Promise<string> {
    return await AggregatorRegistry.aggregate([...(await this.#ask('metrics'))]).metrics()
  }

  async #ask<A extends keyof Answers>(about: A): Promise<Answers[A][]> {
    const ready = [...this.#running.values()].filter(({ isReady }) => isReady)
    const answers = await Promise.all(ready.map(({ dialogue }) => dialogue.ask(about, answerWithinMs)))
    return answers.filter((answer) => answer !== undefined)
  }

  #fork(number: number, onReady: () => void, onEnd: () => void): void {
    const worker = cluster.fork({ [workerVariable]: String(number) })
    const dialogue = new Dialogue((message) => void worker.send(message, () => undefined), {
      allHealth: () => this.health(),
    })
    const running: Running = { worker, dialogue, startedAt: performance.now(), isReady: false }
    this.#running.set(number, running)
    // @socket.io/sticky hands connections to those that are listed here: they would wait for one that is not ready.
    delete cluster.workers?.[worker.id]
    worker.on('error', () => undefined) // its end says so
    worker.on('message', (message: Message) => {
      dialogue.receive(message)
      if (message.type !== 'rowcast:ready') return
      running.isReady = true
      if (cluster.workers && worker.isConnected()) cluster.workers[worker.id] = worker
      onReady()
    })
    worker.on('exit', (code, signal) => {
      this.#running.delete(number)
      this.#onEnd()
      onEnd()
      if (running.isReady || this.#failures.has(number)) this.#replace(number, running, { code, signal })
    })
  }

  #replace(number: number, { worker, startedAt }: Running, how: { code: number; signal: string }): void {
    if (this.#isStopping) return
    const isSoon = performance.now() - startedAt < soonMs
    const failures = isSoon ? (this.#failures.get(number) ?? 0) : 0
    this.#failures.set(number, failures + 1)
    const delayMs = Math.min(firstDelayMs * 2 ** failures, longestDelayMs)
    this.#logger.error(
      { worker: number, workerPid: worker.process.pid, ...how, delayMs },
      'a worker has ended; starting another',
    )
    const start = () => {
      this.#waiting.delete(number)
      this.#fork(
        number,
        () => this.#logger.info({ worker: number }, 'the worker has been replaced'),
        () => undefined,
      )
    }
    this.#waiting.set(number, setTimeout(start, delayMs))
  }
}
