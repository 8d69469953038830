import { now } from '../suite/clock.ts'

/** That from then on a client held so many rows. By `now()` of clock.ts. */
export type Arrival = readonly [at: number, rows: number]

/** Notes when a client came to hold how many rows: of a table that is only inserted into, what has come. */
export class Arrivals {
  #noted: Arrival[] = []
  #awaited: { readonly rows: number; readonly resolve: (at: number) => void } | undefined

  note(rows: number): void {
    const at = now()
    this.#noted.push([at, rows])
    if (!this.#awaited || rows !== this.#awaited.rows) return
    this.#awaited.resolve(at)
    this.#awaited = undefined
  }

  /** Those since the last time. */
  take(): Arrival[] {
    return this.#noted.splice(0)
  }

  /** Resolves with the moment at which there were so many. */
  until(rows: number): Promise<number> {
    const last = this.#noted.at(-1)
    if (last?.[1] === rows) return Promise.resolve(last[0])
    return new Promise((resolve) => (this.#awaited = { rows, resolve }))
  }
}
