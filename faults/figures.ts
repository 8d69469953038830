import type { FaultRecord } from './records.ts'

export interface Stall {
  readonly ms: number
  readonly client: string
}

export interface RunFigures {
  /** How often each was injected. */
  readonly faults: Readonly<Record<string, number>>
  readonly resets: Readonly<Record<string, number>>
  /** The longest time in which a page that was open got nothing new, while writers wrote. */
  readonly longestStall: Stall | undefined
  /** The same by kinds of faults: a stall counts for each that was going on, or had been a second before. */
  readonly longestStallMs: Readonly<Record<string, number>>
}

interface Span {
  readonly kind: string
  readonly from: number
  readonly to: number
}

/** What the records of a run tell besides right and wrong. */
export function figuresOf(records: readonly FaultRecord[]): RunFigures {
  const spans = faultSpans(records)
  const faults: Record<string, number> = {}
  for (const { kind } of spans) faults[kind] = (faults[kind] ?? 0) + 1
  const resets: Record<string, number> = {}
  let lastWrite = 0
  for (const record of records) {
    if (record.kind === 'given' && record.message === 'reset')
      resets[record.reason] = (resets[record.reason] ?? 0) + 1
    if (record.kind === 'wrote') lastWrite = Math.max(lastWrite, record.at)
  }
  let longestStall: Stall | undefined
  const longestStallMs: Record<string, number> = {}
  for (const { client, from, to } of waits(records, lastWrite)) {
    const ms = to - from
    if (ms > (longestStall?.ms ?? 0)) longestStall = { ms, client }
    const causes = new Set(
      spans.filter((span) => span.from <= to && span.to >= from - 1_000).map(({ kind }) => kind),
    )
    if (causes.size === 0) causes.add('none')
    for (const kind of causes) longestStallMs[kind] = Math.max(longestStallMs[kind] ?? 0, ms)
  }
  return { faults, resets, longestStall, longestStallMs }
}

function faultSpans(records: readonly FaultRecord[]): Span[] {
  const spans: Span[] = []
  const open = new Map<string, number[]>()
  for (const record of records) {
    if (record.kind !== 'fault') continue
    const name = `${record.fault} ${record.target ?? ''}`
    if (record.phase === 'end') {
      const from = open.get(name)?.shift()
      if (from !== undefined) spans.push({ kind: record.fault, from, to: record.at })
    } else open.set(name, [...(open.get(name) ?? []), record.at])
  }
  for (const [name, begins] of open)
    for (const from of begins) spans.push({ kind: name.split(' ')[0] ?? '', from, to: Infinity })
  return spans
}

/** From one commit of a store to the next, and from the opening of a page to the first. */
function* waits(
  records: readonly FaultRecord[],
  lastWrite: number,
): Iterable<{ client: string; from: number; to: number }> {
  const since = new Map<string, number>()
  for (const record of records) {
    if (record.kind === 'begun') since.set(record.client, record.at)
    if (record.kind !== 'applied') continue
    const from = since.get(record.client)
    if (from !== undefined && from < lastWrite)
      yield { client: record.client, from, to: Math.min(record.at, lastWrite) }
    since.set(record.client, record.at)
  }
}
