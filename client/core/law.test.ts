import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Row } from '../../shared/change.ts'
import { sameRow, sameValue } from '../../shared/diff.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { indexOf, ModelServer, type Tables } from '../testing/model-server.ts'
import { Rig } from '../testing/rig.ts'
import type { Followed } from './followed.ts'
import type { Result } from './result.ts'

const relations = ['public.person', 'public.team']
const columns = ['id', 'name', 'score']

const id = fc.integer({ min: 1, max: 6 })
const score = fc.option(fc.integer({ min: 0, max: 3 }), { nil: null })
const relation = fc.constantFrom('person', 'public.person', 'public.team')
const condition = fc.oneof(
  score.map((value) => (value === null ? { is_null: true } : { eq: value })),
  score.map((value) => ({ gt: value ?? 0 })),
)
const predicate = fc.oneof(
  condition.map(where),
  condition.map((inner) => ({ not: where(inner) })),
  fc.tuple(condition, condition).map(([a, b]) => ({ or: [where(a), where(b)] })),
)

function where(inner: Record<string, boolean | number>) {
  const [[op, value] = ['eq', 0]] = Object.entries(inner)
  return { column: 'score', op: op as 'eq', value }
}

const orderBy = fc
  .tuple(fc.constantFrom('score', 'name', 'id'), fc.constantFrom('asc' as const, 'desc' as const))
  .map(([column, direction]) => [{ column, direction }])
const subscription: fc.Arbitrary<Subscription> = fc.oneof(
  fc
    .record(
      { relation, where: predicate, orderBy, limit: fc.integer({ min: 1, max: 4 }) },
      { requiredKeys: ['relation'] },
    )
    .map((options) => ({ kind: 'table' as const, ...options })),
  relation.map((name) => ({ kind: 'table' as const, relation: name })),
  fc.tuple(relation, id).map(([name, key]) => ({ kind: 'row' as const, relation: name, key: [key] })),
  fc.tuple(relation, id).map(([name, key]) => ({ kind: 'row' as const, relation: name, key: [String(key)] })),
  fc
    .tuple(relation, fc.constantFrom(...columns))
    .map(([name, column]) => ({ kind: 'column' as const, relation: name, column })),
  fc
    .tuple(relation, id, fc.constantFrom(...columns))
    .map(([name, key, column]) => ({ kind: 'field' as const, relation: name, key: [key], column })),
)

type Write = { relation: string; id: number; row: Row | null }
const write: fc.Arbitrary<Write> = fc
  .tuple(fc.constantFrom(...relations), id, fc.constantFrom('a', 'b', 'c'), score, fc.boolean())
  .map(([name, key, text, value, isDelete]) => ({
    relation: name,
    id: key,
    row: isDelete && value === null ? null : { id: key, name: text, score: value },
  }))

type Step =
  | { do: 'transact'; transactions: Write[][] }
  | { do: 'follow'; subscription: Subscription }
  | { do: 'leave'; index: number }
  | { do: 'deliver'; count: number }
  | { do: 'connect' | 'disconnect' | 'reset' | 'expire' | 'doubt' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('transact' as const),
      transactions: fc.array(fc.array(write, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('follow' as const), subscription }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), index: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('connect' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('disconnect' as const, 'reset', 'expire', 'doubt') }),
  },
)

/** One use of a subscription, as a component would have it. */
class Use {
  readonly subscription: Subscription
  readonly followed: Followed<unknown>
  readonly stop: () => void
  calls = 0
  seen: Result<unknown>

  constructor(rig: Rig, subscription: Subscription) {
    this.subscription = subscription
    this.followed = rig.follow(subscription)
    this.stop = this.followed.subscribe(() => this.calls++)
    this.seen = this.followed.getSnapshot()
  }
}

function run(steps: readonly Step[]): void {
  const rig = new Rig(new ModelServer(relations))
  const uses: Use[] = []
  const isDoubted = { now: false }
  let rows = new Map<string, Row>()

  const check = (): void => {
    const position = rig.sync.position === undefined ? 0 : indexOf(rig.sync.position)
    for (const use of uses) {
      const result = use.followed.getSnapshot()
      if (result.status === 'ready' && !isDoubted.now)
        expect(content(use.subscription, result.data), JSON.stringify(use.subscription)).toEqual(
          content(use.subscription, expected(rig.server, position, use.subscription)),
        )
      if (result !== use.seen) {
        expect(use.calls, 'a listener is told of every change').toBeGreaterThan(0)
        expect(isSame(result, use.seen), 'a result that says the same stays the same').toBe(false)
      }
      if (use.seen.status === 'ready') expect(result.status, 'nothing flashes').toBe('ready')
      use.seen = result
      use.calls = 0
    }
    rows = checkRows(rig, uses, rows)
  }

  for (const now of steps) {
    switch (now.do) {
      case 'transact':
        rig.server.transact(...now.transactions.map((writes) => (tables: Tables) => apply(tables, writes)))
        break
      case 'follow':
        uses.push(new Use(rig, now.subscription))
        break
      case 'leave':
        uses.splice(now.index, 1).forEach((use) => use.stop())
        rig.subscriptions.clear()
        break
      case 'deliver':
        for (let n = 0; n < now.count; n++) {
          const { commits } = rig
          rig.deliver(1)
          for (const use of uses) expect(use.calls).toBeLessThanOrEqual(rig.commits - commits)
          check()
        }
        break
      case 'connect':
        rig.connect()
        break
      case 'disconnect':
        rig.disconnect()
        break
      case 'reset':
        rig.connection?.reset()
        break
      case 'expire':
        rig.connect()
        if (rig.connection) rig.connection.expiredBefore = rig.server.now
        break
      case 'doubt':
        isDoubted.now = true
        rig.sync.doubt()
        break
    }
    check()
  }
  // in the end, everything is as it should be, whatever happened
  rig.connect()
  check()
  rig.deliver()
  isDoubted.now = false
  check()
  for (const use of uses) expect(use.seen.status).toBe('ready')
  expect(indexOf(rig.sync.position ?? '')).toBe(rig.server.now)
}

function apply(tables: Tables, writes: readonly Write[]): void {
  for (const { relation: name, id: key, row } of writes)
    if (row) tables.get(name)?.set(JSON.stringify([key]), row)
    else tables.get(name)?.delete(JSON.stringify([key]))
}

/** What a hook shows for what a `select` gives. */
function expected(server: ModelServer, position: number, subscription: Subscription): unknown {
  const found = server.selectAt(position, subscription)
  switch (subscription.kind) {
    case 'table':
      return found.map(([, row]) => row)
    case 'column':
      return found.map(([key, row]) => ({ key, value: row[subscription.column] }))
    case 'row':
      return found[0]?.[1] ?? null
    case 'field':
      return found[0]?.[1][subscription.column]
  }
}

/** Without an order, the order does not count. */
function content(subscription: Subscription, data: unknown): unknown {
  if (!Array.isArray(data)) return data
  const isOrdered =
    subscription.kind === 'table' && (subscription.orderBy ?? subscription.limit) !== undefined
  return isOrdered ? data : data.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

function isSame(a: Result<unknown>, b: Result<unknown>): boolean {
  if (a.status !== 'ready' || b.status !== 'ready') return false
  if (a.data === undefined || b.data === undefined) return a.data === b.data
  return sameValue(a.data as Row, b.data as Row)
}

/** The store holds exactly the rows that are shown, each once, and an unchanged row is the same object. */
function checkRows(rig: Rig, uses: readonly Use[], before: ReadonlyMap<string, Row>): Map<string, Row> {
  const held = new Map(
    [...rig.relations].flatMap(([name, rows]) => [...rows].map(([key, row]) => [name + key, row] as const)),
  )
  const shown = new Set<unknown>()
  for (const {
    subscription: { kind },
    seen,
  } of uses) {
    if (seen.status !== 'ready') continue
    if (kind === 'row' && seen.data !== null) shown.add(seen.data)
    if (kind === 'table') for (const row of seen.data as Row[]) shown.add(row)
  }
  const rows = new Set<unknown>(held.values())
  expect([...shown].every((row) => rows.has(row))).toBe(true)
  // what has just been left is let go of when no answer is to come any more
  if (!rig.isWaiting) expect(rows.size).toBe(shown.size)
  for (const [key, row] of held) {
    const known = before.get(key)
    if (known && known !== row) expect(sameRow(known, row), 'an equal row keeps its identity').toBe(false)
  }
  return held
}

test('at every position, what is held for a subscription is what select gives there', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60, size: 'max' }), run), {
    numRuns: Number(process.env['LAW_RUNS'] ?? 100),
  })
}, 120_000)
