import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Change, Row } from '../../shared/change.ts'
import { sameRow, sameValue } from '../../shared/diff.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { ModelServer, type Tables } from '../testing/model-server.ts'
import { Rig } from '../testing/rig.ts'
import type { ChangeRecord } from './change-record.ts'
import { textOf } from './definition.ts'
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
  | { do: 'follow'; page: number; subscription: Subscription }
  | { do: 'record'; page: number; relation: string }
  | { do: 'leave' | 'end' | 'repeat'; page: number; index: number }
  | { do: 'deliver' | 'serve'; page: number; count: number }
  | { do: 'connect'; page: number; lag: number }
  | { do: 'disconnect' | 'fall behind' | 'acknowledge' | 'doubt'; page: number }
  | { do: 'take back' | 'prune'; count: number }

const page = fc.constantFrom(0, 0, 0, 1)
const count = fc.integer({ min: 1, max: 12 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('transact' as const),
      transactions: fc.array(fc.array(write, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('deliver' as const), page, count }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('follow' as const), page, subscription }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('record' as const), page, relation }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('serve' as const), page, count }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('connect' as const),
      page,
      lag: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(3)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'end'), page, index: fc.nat(9) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('repeat' as const), page, index: fc.nat(2) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('disconnect' as const, 'fall behind', 'fall behind', 'acknowledge'),
      page,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('take back' as const, 'prune', 'prune'), count: fc.nat(4) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('doubt' as const), page }) },
)

/** One use of a subscription, as a component would have it. */
class Use {
  readonly subscription: Subscription
  readonly followed: Followed<unknown>
  readonly recorder: Recorder | undefined
  readonly stop: () => void
  calls = 0
  seen: Result<unknown>

  constructor(rig: Rig, subscription: Subscription, isRecorded: boolean) {
    this.subscription = subscription
    this.followed = rig.follow(subscription)
    const stopListening = this.followed.subscribe(() => this.calls++)
    const recorder = isRecorded ? new Recorder(rig, subscription) : undefined
    this.recorder = recorder
    this.stop = () => {
      stopListening()
      recorder?.stop()
    }
    this.seen = this.followed.getSnapshot()
  }
}

/** Judges what is told of a table's changes: all of them, each once, in their order, or that some are missing. */
class Recorder {
  readonly stop: () => void
  readonly #rig: Rig
  readonly #subscription: Subscription
  #told: ChangeRecord[] = []
  /** Everything up to here has been told. */
  #position: string | undefined

  constructor(rig: Rig, subscription: Subscription) {
    this.#rig = rig
    this.#subscription = subscription
    const text = textOf(subscription)
    this.stop = rig.subscriptions.record(text, subscription, (records) => {
      if (records[0]?.op !== 'gap') this.#begin()
      this.#told.push(...records)
    })
    if (this.#isCurrent) this.#position = rig.sync.position
  }

  get #interest() {
    return [...this.#rig.subscriptions].find(
      ({ subscription }) => textOf(subscription) === textOf(this.#subscription),
    )
  }

  get #isCurrent(): boolean {
    return this.#interest?.holding?.isCurrent === true
  }

  /** From the session's inbox on, if it was asked for, or from where the page stands. */
  #begin(): void {
    const { sync, connection, server } = this.#rig
    const from = connection?.inboxFrom.get(this.#interest?.holding?.id ?? '')
    this.#position ??= from === undefined ? sync.position : server.positionAt(from)
  }

  check(): void {
    const { sync } = this.#rig
    if (this.#isCurrent && this.#told[0]?.op !== 'gap') this.#begin()
    for (let gap = this.#nextGap(); gap >= 0; gap = this.#nextGap()) {
      const { position } = this.#told[gap] as ChangeRecord
      this.#expectBeginning(this.#told.slice(0, gap), position)
      this.#told = this.#told.slice(gap + 1)
      this.#position = position
    }
    if (sync.position === undefined || !this.#expectBeginning(this.#told, sync.position)) return
    this.#position = sync.position
    this.#told = []
  }

  /** In the end nothing is missing. */
  checkEnd(): void {
    this.check()
    expect([this.#position, this.#told]).toEqual([this.#rig.sync.position, []])
  }

  #nextGap(): number {
    return this.#told.findIndex(({ op }) => op === 'gap')
  }

  /** Whether what was told is all that has happened; it is the beginning of it in any case. */
  #expectBeginning(told: readonly ChangeRecord[], to: string): boolean {
    const { server } = this.#rig
    const [from, until] = [this.#position, to].map((position) => position && server.indexAt(position))
    if (typeof from !== 'number' || typeof until !== 'number') return false
    const all = server
      .between(from, until)
      .flatMap(({ id, changes }) =>
        changes
          .filter(({ relation: name }) => name.endsWith(this.#subscription.relation))
          .map((change) => atomOf(change, id)),
      )
    expect(told.flatMap(atomOfRecord), 'what is told is what has happened, in order, once').toEqual(
      all.slice(0, told.length),
    )
    return told.length === all.length
  }
}

function atomOf(change: Change, id: number): unknown {
  const { op, relation: name, key } = change
  const what = op === 'row_insert' ? change.row : op === 'row_delete' ? null : [change.column, change.value]
  return [op, name, key, String(id), what]
}

function atomOfRecord(record: ChangeRecord): unknown[] {
  if (record.op === 'gap') return []
  const { op, relation: name, key, transaction } = record
  const what = op === 'row_insert' ? record.row : op === 'row_delete' ? null : [record.column, record.value]
  return [[op, name, key, transaction, what]]
}

/** A client and what its page shows. */
class Page {
  readonly rig: Rig
  readonly uses: Use[] = []
  /** Something could not be read: what is to be read afresh shows what it showed. */
  isDoubted = false
  #rows = new Map<string, Row>()
  #position: string | undefined

  constructor(server: ModelServer) {
    this.rig = new Rig(server)
  }

  check(): void {
    const { position } = this.rig.sync
    if (position !== this.#position) this.#checkForward(position)
    for (const use of this.uses) this.#checkUse(use, position ?? '')
    this.#rows = checkRows(this.rig, this.uses, this.#rows)
    for (const { recorder } of this.uses) recorder?.check()
    expect(this.rig.errors.filter(({ code }) => code !== 'disconnected')).toEqual([])
  }

  #checkForward(position: string | undefined): void {
    const { server } = this.rig
    const [before, after] = [this.#position, position].map((each) => each && server.indexAt(each))
    if (typeof before === 'number' && typeof after === 'number')
      expect(after, 'positions never go back').toBeGreaterThanOrEqual(before)
    this.#position = position
  }

  #checkUse(use: Use, position: string): void {
    const { server } = this.rig
    const result = use.followed.getSnapshot()
    if (result.status === 'ready' && !(this.isDoubted && !this.#isCurrent(use)))
      expect(content(use.subscription, result.data), JSON.stringify(use.subscription)).toEqual(
        content(use.subscription, expected(server, position, use.subscription)),
      )
    if (result !== use.seen) {
      expect(use.calls, 'a listener is told of every change').toBeGreaterThan(0)
      expect(isSame(result, use.seen), 'a result that says the same stays the same').toBe(false)
    }
    if (use.seen.status === 'ready' && result.status !== 'ready')
      expect(result.error?.code, 'nothing flashes').toBe('permission_denied')
    use.seen = result
    use.calls = 0
  }

  #isCurrent({ subscription: of }: Use): boolean {
    const interest = [...this.rig.subscriptions].find(
      ({ subscription }) => textOf(subscription) === textOf(of),
    )
    return interest?.holding?.isCurrent === true
  }

  /** Delivers one by one, or so many together, and looks after each. */
  deliver(messages = Infinity, together = 1): void {
    const { rig, uses } = this
    for (let n = 0; n < messages && rig.isWaiting;) {
      const { commits } = rig
      n += rig.deliverTogether(together)
      for (const use of uses) expect(use.calls).toBeLessThanOrEqual(rig.commits - commits)
      this.check()
    }
  }
}

/** @param together so many messages are received at once, as in a browser; above 1, what is recorded is not looked at */
function run(steps: readonly Step[], together: number): void {
  const server = new ModelServer(relations)
  server.servesAtOnce = false
  const pages = [new Page(server), new Page(server)]
  const session = server.openSession(undefined).key
  for (const each of pages) {
    each.rig.session = session
    each.uses.push(new Use(each.rig, { kind: 'table', relation: 'person' }, together === 1))
    each.rig.connect()
    each.rig.connection?.serve()
    each.deliver()
  }
  for (const now of steps) {
    if ('page' in now) take(now, pages[now.page] as Page, together)
    else if (now.do === 'transact')
      server.transact(...now.transactions.map((writes) => (tables: Tables) => apply(tables, writes)))
    else if (now.do === 'prune') server.horizon = Math.max(server.horizon, server.now - now.count)
    else if (now.do === 'take back') {
      server.takeBack(now.count)
      for (const { rig } of pages) rig.disconnect()
    }
    for (const each of pages) each.check()
  }
  // in the end, everything is as it should be, whatever happened
  server.servesAtOnce = true
  for (const each of pages) {
    each.rig.connect()
    each.deliver()
    each.isDoubted = false
    each.check()
    for (const { seen, recorder } of each.uses) {
      expect(seen.status).toBe('ready')
      recorder?.checkEnd()
    }
    expect(each.rig.sync.position).toBe(server.position)
  }
}

function take(now: Step & { page: number }, at: Page, together: number): void {
  const { rig, uses } = at
  const { connection } = rig
  switch (now.do) {
    case 'follow':
      uses.push(new Use(rig, now.subscription, false))
      return
    case 'record':
      uses.push(new Use(rig, { kind: 'table', relation: now.relation }, together === 1))
      return
    case 'leave':
      uses.splice(now.index, 1).forEach((use) => use.stop())
      rig.subscriptions.clear()
      return
    case 'end': {
      const id = [...(connection?.followed.keys() ?? [])][now.index]
      if (id !== undefined) connection?.end(id)
      return
    }
    case 'repeat':
      rig.double(2 * now.index + 1)
      return rig.repeat(now.index)
    case 'deliver':
      return at.deliver(now.count, together)
    case 'serve':
      return connection?.serve(now.count > 8 ? Infinity : now.count)
    case 'connect':
      return rig.connect(now.lag)
    case 'disconnect':
      return rig.disconnect()
    case 'fall behind':
      return connection?.startOver()
    case 'acknowledge':
      return rig.sync.acknowledge()
    case 'doubt':
      at.isDoubted = true
      return rig.sync.doubt()
  }
}

function apply(tables: Tables, writes: readonly Write[]): void {
  for (const { relation: name, id: key, row } of writes)
    if (row) tables.get(name)?.set(JSON.stringify([key]), row)
    else tables.get(name)?.delete(JSON.stringify([key]))
}

/** What a hook shows for what a `select` gives. */
function expected(server: ModelServer, position: string, subscription: Subscription): unknown {
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
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => run(steps, 1)),
    { numRuns: Number(process.env['LAW_RUNS'] ?? 100) },
  )
}, 600_000)

test('so it is when several messages are received together', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.integer({ min: 2, max: 5 }), run),
    { numRuns: Number(process.env['LAW_RUNS'] ?? 100) },
  )
}, 600_000)
