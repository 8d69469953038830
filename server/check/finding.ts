/** One thing that has been looked at. */
export interface Finding {
  /** `missing`: a server cannot do without it. `hint`: it can, but somebody may want to know. */
  readonly state: 'ok' | 'hint' | 'missing'
  readonly topic: Topic
  /** A sentence, without its full stop. */
  readonly text: string
  /** What puts it right: statements of SQL, or commands of a shell. */
  readonly remedy: readonly string[]
}

export const topics = {
  database: 'PostgreSQL',
  schemas: "Rowcast's schemas",
  roles: 'Roles of clients',
  tables: 'Tracked tables',
} as const

export type Topic = keyof typeof topics

/** Findings of one topic. */
export class Findings {
  readonly all: Finding[] = []
  readonly #topic: Topic

  constructor(topic: Topic) {
    this.#topic = topic
  }

  ok(text: string): void {
    this.all.push({ state: 'ok', topic: this.#topic, text, remedy: [] })
  }

  hint(text: string, ...remedy: string[]): void {
    this.all.push({ state: 'hint', topic: this.#topic, text, remedy })
  }

  missing(text: string, ...remedy: string[]): void {
    this.all.push({ state: 'missing', topic: this.#topic, text, remedy })
  }
}
