import type { Figure } from './report.ts'

/** What a bench is given. */
export interface BenchContext {
  /** 1, or a part of it for trying out: fewer clients, changes and seconds, and no target is judged. */
  readonly scale: number
  /** Where CPU profiles of the servers are written; undefined: nowhere. */
  readonly profile?: string
  /** Told what is being done, in the words of a person who waits for it. */
  readonly say: (message: string) => void
}

export interface Bench {
  readonly name: string
  /** One line: what it measures. */
  readonly summary: string
  /** Takes at most a minute at scale 1. */
  run(context: BenchContext): Promise<Outcome>
}

export interface Outcome {
  /** Of the PostgreSQL that it ran on, if it needs one. */
  readonly postgresql?: string
  /** Of what it compares with, by name. */
  readonly versions?: Readonly<Record<string, string>>
  readonly figures: readonly Figure[]
}
