import type { Position } from '../shared/position.ts'
import type { Subscription } from '../shared/subscription.ts'
import { isWhole } from './connection-check.ts'
import type { Findings, Place } from './findings.ts'
import type { Statement } from './records.ts'
import { snapshotOf, type Truth } from './truth.ts'

/** What one subscription showed, from one commit or more. */
export interface Shown {
  /** Under which the client follows it. */
  readonly name: string
  readonly subscription: Subscription
  /** Of the subscription. */
  readonly text: string
  readonly found: Statement
}

/** What a client showed at a position, in its store or on its page. */
export interface Observation {
  readonly client: string
  readonly position: Position
  readonly shown: readonly Shown[]
}

export interface StateCounts {
  /** Positions at which anything was looked at. */
  positions: number
  /** What a subscription showed at a position, compared with what `select` returns there. */
  statements: number
  /** Whole tables whose sum was looked at, or whether all rows are equal. */
  sums: number
}

/** Compares what was shown with what `select` returns there: the one law, at every position that was seen. */
export function checkStates(
  observations: readonly Observation[],
  truth: Truth,
  findings: Findings,
): StateCounts {
  const counts: StateCounts = { positions: 0, statements: 0, sums: 0 }
  const sums = new Map(truth.relations.map((relation) => [relation, sumOf(truth, relation)]))
  /** What each subscription showed rightly at positions before, to tell what is merely old. */
  const earlier = new Map<string, Map<string, Position>>()
  let last: Position | undefined
  for (const { client, shown, position } of inOrder(observations)) {
    if (position !== last) {
      truth.moveTo(snapshotOf(position))
      counts.positions++
      last = position
    }
    for (const { name, subscription, text, found } of shown) {
      counts.statements++
      const place = { client, subscription: name, position }
      const { relation, constantSum, equal } = truth.spec(subscription.relation)
      if (isWhole(subscription) && (constantSum ?? equal) !== undefined) counts.sums++
      const expected = truth.statement(subscription, text)
      const known = earlier.get(text) ?? new Map<string, Position>()
      if (isSame(found, expected)) {
        earlier.set(text, known.set(found.hash, position))
        continue
      }
      const sum = found.sums[constantSum ?? ''] ?? 0
      if (isWhole(subscription) && constantSum !== undefined && sum !== sums.get(relation))
        findings.add('torn', place, `the sum of ${constantSum} is ${sum}, not ${sums.get(relation)}`)
      else if (isWhole(subscription) && equal !== undefined && (found.sums[equal] ?? 0) % found.rows !== 0)
        findings.add('torn', place, `${equal} is not the same in all rows of ${relation}`)
      else explain(found, expected, known.get(found.hash), subscription, place, truth, findings)
    }
  }
  return counts
}

/** So many transactions are tried for what is missing. */
const suspects = 300

function explain(
  found: Statement,
  expected: Statement,
  old: Position | undefined,
  subscription: Subscription,
  place: Place,
  truth: Truth,
  findings: Findings,
): void {
  const difference = `expected ${textOf(expected)}, found ${textOf(found)}`
  if (old !== undefined) findings.add('lost', place, `${difference}, as it was at ${old}`)
  else if (findings.isNew('lost', place) && findings.isNew('wrong', place)) {
    const missing = truth.whatMissing(subscription, found, suspects)
    if (missing === undefined) findings.add('wrong', place, difference)
    else findings.add('lost', place, `${difference}, which lacks transaction ${missing}`)
  } else findings.add(findings.isNew('lost', place) ? 'wrong' : 'lost', place, difference)
}

/** From one position to the next near it: the truth is moved, and that costs what lies between. */
function inOrder(observations: readonly Observation[]): Observation[] {
  const keyed = observations.map((observation) => ({ observation, ...snapshotOf(observation.position) }))
  keyed.sort(
    (a, b) =>
      a.xmax - b.xmax ||
      b.xip.size - a.xip.size ||
      (a.observation.position < b.observation.position
        ? -1
        : a.observation.position > b.observation.position
          ? 1
          : 0),
  )
  return keyed.map(({ observation }) => observation)
}

function sumOf(truth: Truth, relation: string): number | undefined {
  const { constantSum, rows } = truth.spec(relation)
  return constantSum === undefined ? undefined : rows.reduce((sum, row) => sum + Number(row[constantSum]), 0)
}

export function isSame(a: Statement, b: Statement): boolean {
  return a.rows === b.rows && a.hash === b.hash
}

function textOf({ rows, hash, sums }: Statement): string {
  const list = Object.entries(sums).map(([column, sum]) => `${column} ${sum}`)
  return `${rows} rows (${hash}; sums: ${list.join(', ')})`
}
