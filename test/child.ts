import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

interface Question {
  readonly id: number
  readonly ask: string
  readonly value: unknown
}
interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** A process of a harness's own, which answers questions. */
export class Child {
  readonly name: string
  readonly process: ChildProcess
  readonly ended: Promise<void>
  /** What it wrote last to standard error. */
  complaint = ''
  #questions = 0
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()

  constructor(
    name: string,
    file: URL,
    options: { env?: Record<string, string>; nodeOptions?: readonly string[] } = {},
  ) {
    this.name = name
    this.process = fork(fileURLToPath(file), [], {
      // gc is there in every run, so that a soak differs in nothing else
      execArgv: ['--expose-gc', '--import', tsx, ...(options.nodeOptions ?? [])],
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.process.stderr?.on('data', (text: Buffer) => {
      this.complaint = (this.complaint + text.toString()).slice(-4_000)
    })
    this.process.on('error', () => undefined) // `ended` says so
    this.process.on('message', (answer: Answer) => this.#answered(answer))
    this.ended = once(this.process, 'exit').then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} has ended`))
      this.#waiting.clear()
    })
  }

  get isAlive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }

  /** Asks the process, and waits for its answer, in vain while it is paused. */
  ask<T>(ask: string, value: unknown = null): Promise<T> {
    if (!this.isAlive) return Promise.reject(new Error(`${this.name} has ended:\n${this.complaint}`))
    const id = ++this.#questions
    const answer = new Promise<T>((resolve, reject) =>
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject }),
    )
    this.process.send({ id, ask, value } satisfies Question, () => undefined)
    return answer
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  async end(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
  }

  #answered({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(`${this.name}: ${error}`))
  }
}

/** In the child: answers the parent's questions, and ends when the parent has gone. */
export function answerParent(answers: Readonly<Record<string, (value: never) => unknown>>): void {
  const all: Readonly<Record<string, (value: never) => unknown>> = { memory, ...answers }
  process.on('message', ({ id, ask, value }: Question) => {
    Promise.resolve()
      .then(() => all[ask]?.(value as never))
      .then(
        (answer) => send({ id, value: answer }),
        (error: unknown) => send({ id, error: error instanceof Error ? String(error.stack) : String(error) }),
      )
  })
  process.on('disconnect', () => process.exit())
}

function send(answer: Answer): void {
  if (process.connected) process.send?.(answer)
}

/** After collecting garbage, if that is wanted: what is left is held by somebody. */
function memory(collect: boolean): { rssMb: number; heapMb: number } {
  if (collect) globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  return { rssMb: rss / 1e6, heapMb: heapUsed / 1e6 }
}
