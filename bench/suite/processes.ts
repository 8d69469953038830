import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../../test/child.ts'
import type { BenchContext } from './bench.ts'

/** The processes of a bench. Disposing them ends all, and says what they complained of. */
export class Processes implements AsyncDisposable {
  readonly #profile: string | undefined
  readonly #say: BenchContext['say']
  readonly #children: Child[] = []

  constructor({ profile, say }: BenchContext) {
    this.#profile = profile
    this.#say = say
  }

  /** A server, which is profiled if that is wanted. */
  startServer(name: string, file: URL): Child {
    const profile = this.#profile
    return this.start(name, file, profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`])
  }

  start(name: string, file: URL, nodeOptions: readonly string[] = []): Child {
    const child = new Child(name, file, { nodeOptions })
    this.#children.push(child)
    return child
  }

  /** What they have written to standard error, which is nothing if all is well. */
  get #complaints(): string {
    return this.#children
      .filter(({ complaint }) => complaint !== '')
      .map(({ name, complaint }) => `${name}:\n${complaint}`)
      .join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#complaints) this.#say(this.#complaints)
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.isAlive) child.process.disconnect() // then it ends by itself, and writes its profile
        await Promise.race([child.ended, sleep(endMs, undefined, { ref: false })])
        await child.end()
      }),
    )
  }
}

const endMs = 3_000
