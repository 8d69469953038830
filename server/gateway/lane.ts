/** Lets so many work at once; the others wait their turn, in the order in which they came. */
export class Lane {
  readonly #width: number
  readonly #waiting: (() => void)[] = []
  #working = 0

  constructor(width: number) {
    this.#width = width
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#working >= this.#width) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#working += 1
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift() // takes over the place
      if (next) next()
      else this.#working -= 1
    }
  }
}
