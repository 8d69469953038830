import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../test/child.ts'
import { check, type Needed, type Verdict } from './check.ts'
import { figuresOf, type RunFigures } from './figures.ts'
import { inject } from './inject.ts'
import type { MemorySample } from './memory.ts'
import { readRecords } from './records.ts'
import { schedule, type FaultKind } from './schedule.ts'
import { World, type WorldOptions } from './world.ts'

export interface RunOptions extends WorldOptions {
  readonly durationMs: number
  /** Default: all. */
  readonly kinds?: readonly FaultKind[]
  readonly everyMs?: number
  readonly longestMs?: number
  /** The first server is never ended, so that its memory can be watched; garbage is collected before each look. */
  readonly isSoak?: boolean
  /** What a run may happen to have nothing of, such as a short one. */
  readonly without?: readonly Needed[]
  /** How long everybody may take to come to rest at the end. */
  readonly restMs: number
  readonly memoryEveryMs: number
  readonly progressEveryMs?: number
  readonly onProgress?: (progress: Progress) => void
}

export interface Progress {
  readonly atMs: number
  readonly faults: number
  readonly committed: number
  readonly deliveries: number
  readonly applied: number
  readonly resumes: number
  readonly resets: number
  /** By process. */
  readonly rssMb: Readonly<Record<string, number>>
}

export interface Outcome {
  readonly seed: number
  readonly durationMs: number
  readonly verdict: Verdict
  /** What went wrong besides: a fault that could not be undone, a client that did not come to rest. */
  readonly troubles: readonly string[]
  readonly figures: RunFigures
  readonly rolledBack: number
  readonly lookedUp: number
  /** Of each life of each process. */
  readonly memory: Readonly<Record<string, readonly MemorySample[]>>
  /** How long everybody took to come to rest. */
  readonly restMs: number
  /** Where the records are, if they were kept. */
  readonly folder: string | undefined
}

export function hasFailed({ verdict, troubles }: Outcome): boolean {
  return verdict.violations.length > 0 || troubles.length > 0
}

/** Builds a world, breaks it for a while as the seed has it, lets it come to rest, and judges what was recorded. */
export async function run(options: RunOptions): Promise<Outcome> {
  await using world = await World.start(options)
  const start = performance.now()
  const elapsed = () => performance.now() - start
  const troubles: string[] = []
  const memory = new Memory(world, options.isSoak ?? false, elapsed)
  let faults = 0

  const running: Promise<void>[] = []
  const strike = async (): Promise<void> => {
    for (const fault of schedule(options)) {
      await sleep(Math.max(0, fault.atMs - elapsed()))
      const injected = inject(world, fault, { isFirstServerSpared: options.isSoak ?? false }).then(
        (hasHit) => void (faults += hasHit ? 1 : 0),
        (error: Error) => void troubles.push(`${fault.kind}: ${error.message}`),
      )
      running.push(injected)
    }
    await sleep(Math.max(0, options.durationMs - elapsed()))
  }
  const progress = every(options.progressEveryMs ?? 5_000, async () => {
    const { committed, deliveries, applied, resumes, resets } = await world.figures()
    const told = { committed, deliveries, applied, resumes, resets }
    options.onProgress?.({ atMs: elapsed(), faults, ...told, rssMb: memory.latest })
  })
  const sampling = every(options.memoryEveryMs, () => memory.sample())
  try {
    await strike()
    await Promise.all(running)
    await backUp(world)
    const figures = await world.figures()
    const restingSince = elapsed()
    troubles.push(...(await world.rest(options.restMs)).map((why) => `not at rest: ${why}`))
    const restMs = elapsed() - restingSince
    await Promise.all([progress.stop(), sampling.stop()])
    const files = readRecords(world.folder)
    const { rolledBack, lookedUp } = figures
    const outcome = {
      seed: options.seed,
      durationMs: options.durationMs,
      verdict: check(files, { without: options.without ?? [] }),
      troubles,
      figures: figuresOf(files.flat()),
      rolledBack,
      lookedUp,
      memory: memory.samples,
      restMs,
      folder: undefined,
    }
    if (!hasFailed(outcome)) return outcome
    world.keep()
    return { ...outcome, folder: world.folder }
  } catch (error) {
    world.keep()
    throw new Error(`the run broke off; its records are in ${world.folder}`, { cause: error })
  } finally {
    await Promise.all([progress.stop(), sampling.stop()])
  }
}

/** After the last fault every server is there again. */
async function backUp(world: World): Promise<void> {
  const deadline = performance.now() + 120_000
  while (world.servers.some(({ isUp }) => !isUp)) {
    if (performance.now() > deadline) throw new Error('a server did not start again')
    await sleep(50)
  }
}

/** Watches what each process holds; a server that is started again is another process. */
class Memory {
  readonly samples: Record<string, MemorySample[]> = {}
  latest: Record<string, number> = {}
  readonly #world: World
  readonly #isSoak: boolean
  readonly #elapsed: () => number
  readonly #names = new Map<Child, string>()
  readonly #lives = new Map<string, number>()

  constructor(world: World, isSoak: boolean, elapsed: () => number) {
    this.#world = world
    this.#isSoak = isSoak
    this.#elapsed = elapsed
  }

  async sample(): Promise<void> {
    const latest: Record<string, number> = {}
    await Promise.all(
      this.#world.processes.map(async (child) => {
        const answer = child.ask<{ rssMb: number; heapMb: number }>('memory', this.#isSoak)
        // one that is paused, or has just been killed, has no answer this time
        const memory = await Promise.race([answer.catch(() => undefined), sleep(3_000, undefined)])
        if (!memory) return
        const samples = (this.samples[this.#nameOf(child)] ??= [])
        samples.push({ atMs: this.#elapsed(), ...memory })
        latest[child.name] = memory.rssMb
      }),
    )
    this.latest = latest
  }

  #nameOf(child: Child): string {
    let name = this.#names.get(child)
    if (name === undefined) {
      const life = (this.#lives.get(child.name) ?? 0) + 1
      this.#lives.set(child.name, life)
      name = life === 1 ? child.name : `${child.name} (${life})`
      this.#names.set(child, name)
    }
    return name
  }
}

function every(ms: number, work: () => Promise<void>): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const done = (async () => {
    for (;;) {
      await sleep(ms, undefined, { signal: stopping.signal })
      await work()
    }
  })().catch(() => undefined) // it has been stopped, or the process that it asks has ended: which is seen elsewhere
  return {
    async stop() {
      stopping.abort()
      await done
    },
  }
}
