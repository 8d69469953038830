import type { Registry } from 'prom-client'
import type { Health } from '../../main.ts'

/** In the environment of a worker: its number, from 1. */
export const workerVariable = 'ROWCAST_WORKER'

/** Of all workers together. */
export interface WorkersHealth extends Health {
  /** How many of them are up. */
  readonly workers: number
}

/** What the primary process asks its workers for, and a worker the primary. */
export interface Answers {
  readonly health: Health
  readonly metrics: Awaited<ReturnType<Registry['getMetricsAsJSON']>>
  readonly allHealth: WorkersHealth
}

/** They share their channel with those of @socket.io/sticky. */
export type Message =
  | { readonly type: 'rowcast:ready' }
  | { readonly type: 'rowcast:question'; readonly id: number; readonly about: keyof Answers }
  | { readonly type: 'rowcast:answer'; readonly id: number; readonly answer: unknown }

type Answering = { readonly [A in keyof Answers]?: () => Answers[A] | Promise<Answers[A]> }

/** Questions to a process at the other end of a channel, and answers to its own. */
export class Dialogue {
  readonly #send: (message: Message) => void
  readonly #answers: Answering
  readonly #waiting = new Map<number, (answer: unknown) => void>()
  #questions = 0

  constructor(send: (message: Message) => void, answers: Answering) {
    this.#send = send
    this.#answers = answers
  }

  /** @returns undefined if it has not been answered in time */
  ask<A extends keyof Answers>(about: A, withinMs: number): Promise<Answers[A] | undefined> {
    const id = ++this.#questions
    return new Promise((resolve) => {
      const done = (answer: unknown) => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        resolve(answer as Answers[A] | undefined)
      }
      const timer = setTimeout(done, withinMs, undefined)
      this.#waiting.set(id, done)
      this.#send({ type: 'rowcast:question', id, about })
    })
  }

  /** To be handed everything that comes. */
  receive(message: Message): void {
    if (message.type === 'rowcast:answer') this.#waiting.get(message.id)?.(message.answer)
    if (message.type === 'rowcast:question') void this.#answer(message)
  }

  async #answer({ id, about }: Message & { type: 'rowcast:question' }): Promise<void> {
    const answer = await this.#answers[about]?.()
    this.#send({ type: 'rowcast:answer', id, answer })
  }
}
