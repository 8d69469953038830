import { hasFailed, type Outcome } from './harness.ts'
import { slopePerMinute, type MemorySample } from './memory.ts'

/** At a steady load a process that grows faster than this leaks. Below it is what the method cannot tell from none. */
export const toleratedMbPerMinute = 1

/** After a start a process compiles, fills its pools and caches: no leak yet. */
const warmUpMs = 120_000
/** Lives shorter than that say nothing. */
const shortestMs = 240_000

export interface MemoryVerdict {
  readonly process: string
  readonly samples: number
  readonly fromMb: number
  readonly toMb: number
  readonly peakMb: number
  readonly heapMbPerMinute: number
  readonly rssMbPerMinute: number
}

/** What is to be told of each process that has lived long enough. */
export function memoryVerdicts(memory: Outcome['memory']): MemoryVerdict[] {
  return Object.entries(memory).flatMap(([process, all]) => {
    const [first, last] = [all[0], all.at(-1)]
    if (!first || !last || last.atMs - first.atMs < shortestMs) return []
    const samples = all.filter(({ atMs }) => atMs >= first.atMs + warmUpMs)
    const slope = (pick: (sample: MemorySample) => number) =>
      slopePerMinute(samples.map((sample) => ({ atMs: sample.atMs, y: pick(sample) })))
    return [
      {
        process,
        samples: samples.length,
        fromMb: samples[0]?.rssMb ?? 0,
        toMb: last.rssMb,
        peakMb: Math.max(...all.map(({ rssMb }) => rssMb)),
        heapMbPerMinute: slope(({ heapMb }) => heapMb),
        rssMbPerMinute: slope(({ rssMb }) => rssMb),
      },
    ]
  })
}

/** The processes whose memory goes up. A soak in which none was watched for long enough shows nothing, and says so. */
export function leaksOf(memory: Outcome['memory']): string[] {
  const verdicts = memoryVerdicts(memory)
  if (verdicts.length === 0) return ['no process lived long enough to tell anything of its memory']
  return verdicts
    .filter(({ heapMbPerMinute }) => heapMbPerMinute > toleratedMbPerMinute)
    .map(({ process, heapMbPerMinute }) => `${process} leaks: ${heapMbPerMinute.toFixed(2)} MB a minute`)
}

/** The outcome as one object, for programs. */
export function reportOf(outcome: Outcome): object {
  const { seed, durationMs, verdict, troubles, figures, rolledBack, lookedUp, restMs, folder } = outcome
  return {
    ok: !hasFailed(outcome),
    seed,
    durationMs,
    violations: verdict.violations,
    troubles,
    counts: verdict.counts,
    ...figures,
    rolledBack,
    lookedUp,
    restMs,
    memory: memoryVerdicts(outcome.memory),
    ...(folder !== undefined && { folder }),
  }
}

/** The outcome for people. */
export function textOf(outcome: Outcome, isSoak: boolean): string {
  const { verdict, figures, durationMs, rolledBack, lookedUp, restMs } = outcome
  const { counts } = verdict
  const list = (all: Readonly<Record<string, number>>, unit = ''): string =>
    Object.entries(all)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name} ${value}${unit}`)
      .join(', ') || 'none'
  return [
    `${hasFailed(outcome) ? 'FAILED' : 'nothing lost, nothing twice'}: seed ${outcome.seed}, ${durationMs / 60_000} minutes`,
    `faults      ${counts.faults}: ${list(figures.faults)}`,
    `writers     ${counts.transactions} committed, ${rolledBack} rolled back, ${lookedUp} looked up after a lost answer`,
    `clients     ${counts.clients}, ${counts.pages} pages, ${counts.connections} connections, ${counts.resumes} resumes`,
    `delivered   ${counts.deliveries} transactions in ${counts.batches} batches (${counts.repeatedBatches} repeated), ${counts.snapshots} snapshots`,
    `resets      ${list(figures.resets)}`,
    `checked     ${counts.statements} statements at ${counts.positions} positions, ${counts.recorded} recorded changes, ${counts.renders} renders, ${counts.endings} ends`,
    `stall       longest ${figures.longestStall?.ms ?? 0} ms; by fault: ${list(figures.longestStallMs, ' ms')}`,
    `at rest     after ${restMs.toFixed(0)} ms`,
    ...memoryLines(outcome, isSoak),
  ].join('\n')
}

function memoryLines(outcome: Outcome, isSoak: boolean): string[] {
  const verdicts = memoryVerdicts(outcome.memory)
  const lines = verdicts.map(
    ({ process, fromMb, toMb, peakMb, heapMbPerMinute, rssMbPerMinute }) =>
      `memory      ${process}: ${fromMb.toFixed(0)} → ${toMb.toFixed(0)} MB, peak ${peakMb.toFixed(0)}; slope of the heap ` +
      `${heapMbPerMinute.toFixed(2)}, of all ${rssMbPerMinute.toFixed(2)} MB a minute`,
  )
  if (isSoak)
    lines.push(
      `            slope: median of the slopes between all pairs of samples (Theil-Sen), every 5 s after garbage collection, ` +
        `without the first ${warmUpMs / 60_000} minutes of a process; up to ${toleratedMbPerMinute} MB a minute of heap is none`,
    )
  return lines
}
