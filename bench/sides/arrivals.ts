import { now } from '../suite/clock.ts'

/** That from then on a client held so many rows. By `now()` of clock.ts. */
export type Arrival = readonly [at: number, rows: number]

/** Notes when a client came to hold how many rows: of a table that is only inserted into, what has come. */
export class Arrivals {
  #noted: Arrival[] = []
  #latest: Arrival = [now(), 0]
  #awaited: { readonly rows: number; readonly resolve: (at: number) => void } | undefined

  note(rows: number): void {
    this.#latest = [now(), rows]
    this.#noted.push(this.#latest)
    if (rows !== this.#awaited?.rows) return
    this.#awaited.resolve(this.#latest[0])
    this.#awaited = undefined
  }

  /** Those since the last time. */
  take(): Arrival[] {
    return this.#noted.splice(0)
  }

  /** Resolves with the moment at which there were so many. */
  until(rows: number): Promise<number> {
    const [at, held] = this.#latest
    if (held === rows) return Promise.resolve(at)
    return new Promise((resolve) => (this.#awaited = { rows, resolve }))
  }
}
