import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { inTurns } from '../breather.ts'
import { isRefusal } from '../db/failures.ts'

/**
 * Puts requests together: those of one turn of the event loop, and those that come while an answer is under way,
 * are asked at once. So however many clients come at the same moment, the database is asked a few times.
 *
 * If the database refuses a group, each of it is asked alone: nobody's request fails by somebody else's.
 */
export class Grouped<Request, Answer> {
  readonly #ask: (requests: readonly Request[]) => Promise<readonly Answer[]>
  readonly #limit: number
  readonly #sizeOf: (request: Request) => number
  readonly #gatherMs: number
  #waiting: Waiting<Request, Answer>[] = []
  #isAsking = false
  #asking: Promise<void> = Promise.resolve()

  /**
   * @param ask gives an answer for each request, in their order; never called again before it has answered
   * @param options.limit of the sizes of a group's requests together, which are 1 if nothing else is said
   * @param options.gatherMs so long a group waits for others to join it: for what nobody waits for
   */
  constructor(
    ask: (requests: readonly Request[]) => Promise<readonly Answer[]>,
    {
      limit = 500,
      sizeOf = () => 1,
      gatherMs = 0,
    }: {
      readonly limit?: number
      readonly sizeOf?: (request: Request) => number
      readonly gatherMs?: number
    } = {},
  ) {
    this.#ask = ask
    this.#limit = limit
    this.#sizeOf = sizeOf
    this.#gatherMs = gatherMs
  }

  ask(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject })
      if (this.#isAsking) return
      this.#isAsking = true
      this.#asking = this.#askAll()
    })
  }

  /** Resolves when all that has been asked by now has its answer. */
  settle(): Promise<void> {
    return this.#asking
  }

  async #askAll(): Promise<void> {
    await turn()
    while (this.#waiting.length > 0) {
      if (this.#gatherMs > 0) await sleep(this.#gatherMs)
      await this.#answer(this.#waiting.splice(0, this.#nextCount()))
    }
    this.#isAsking = false
  }

  /** One at least, however large. */
  #nextCount(): number {
    let size = 0
    const end = this.#waiting.findIndex(({ request }) => (size += this.#sizeOf(request)) > this.#limit)
    return end === -1 ? this.#waiting.length : Math.max(1, end)
  }

  async #answer(group: readonly Waiting<Request, Answer>[]): Promise<void> {
    try {
      const answers = await this.#ask(group.map(({ request }) => request))
      await inTurns(group, ({ resolve }, i) => resolve(answers[i] as Answer))
    } catch (error) {
      if (group.length > 1 && isRefusal(error)) for (const one of group) await this.#answer([one])
      else for (const { reject } of group) reject(error)
    }
  }
}

interface Waiting<Request, Answer> {
  readonly request: Request
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}
