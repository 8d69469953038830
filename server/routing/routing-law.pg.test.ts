import * as fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Row } from '../../shared/change.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { inOneSnapshot, snapshotOf } from '../../test/snapshot.ts'
import { createEncodingPool } from '../db/pool.ts'
import { readLog } from '../log/read-log.ts'
import type { Definition } from './definition.ts'
import { Definitions } from './definitions.ts'
import { readAs } from './read-as.ts'
import { routeBatch } from './route-batch.ts'
import { Routes } from './routes.ts'
import { columnOf, hasWindow, queryOf, selectShown } from './shown.ts'
import type { WindowFeed } from './window-index.ts'

let database: TestDatabase
let admin: pg.Client
let pool: pg.Pool
let role: string

beforeAll(async () => {
  database = await createTestDatabase()
  role = await database.createRole('nologin')
  admin = await database.connect()
  pool = createEncodingPool(database.url, 4)
  await admin.query(`
    create collation insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    create function me() returns text language sql stable as $$ select current_setting('request.jwt.claims', true)::json ->> 'sub' $$;
    create table member (person text, team int, primary key (person, team));
    create table thing (
      size numeric, name text collate insensitive, team int, owner text, amount numeric, ratio float8, list text[], body text,
      primary key (size, name));
    grant select on member, thing to ${role};
    select event.track('member'), event.track('thing')`)
})

afterAll(async () => {
  await pool.end()
  await database[Symbol.asyncDispose]()
})

const subs = ['ann', 'ANN', 'bob', '', '1.00', null]
const policies = [
  'owner = me()',
  'name = me()',
  'exists (select from member as m where m.team = thing.team and m.person = me())',
  'amount::text = me() or owner is null',
  `scale(amount) = 1 or me() = 'ann'`,
  'list[1] = me() or owner = me()',
  'true',
]
const where = (column: string, op: string, value: unknown) =>
  ({ kind: 'table', relation: 'thing', where: { column, op, value } }) as Subscription
const subscriptions: Subscription[] = [
  { kind: 'table', relation: 'thing' },
  { kind: 'column', relation: 'thing', column: 'body' },
  { kind: 'row', relation: 'thing', key: ['1.0', 'ann'] },
  { kind: 'table', relation: 'thing', orderBy: [{ column: 'amount', direction: 'desc' }], limit: 3 },
  where('owner', 'eq', 'ann'),
  where('amount', 'eq', '1.0'),
  where('name', 'eq', 'ann'),
  where('ratio', 'gte', 0),
  where('owner', 'is_null', true),
]

/** SQL of values of a column that may be equal and look different, or differ and look alike. */
const values = {
  size: fc.constantFrom('1.0', '1.00', '1', '2', '2.0', '3'),
  name: fc.constantFrom(`'ann'`, `'ANN'`, `'Ann'`, `'bob'`, `''`),
  team: fc.constantFrom('1', '2', 'null'),
  owner: fc.constantFrom(`'ann'`, `'ANN'`, `'bob'`, `''`, `'1.00'`, 'null'),
  amount: fc.constantFrom('1.0', '1.00', '1', '2', `'NaN'`, 'null'),
  ratio: fc.constantFrom(`'-0'`, '0', '1', `'NaN'`, 'null'),
  list: fc.constantFrom(`'{}'`, `'{ann}'`, `'{null}'`, 'null'),
  body: fc.constantFrom(`'x'`, `'y'`),
}
const row = fc.tuple(...Object.values(values)).map((all) => `(${all.join(', ')})`)
const equation = fc
  .constantFrom(...Object.entries(values))
  .chain(([column, value]) => value.map((each) => `${column} = ${each}`))
const member = fc.tuple(
  values.owner.filter((who) => who !== 'null'),
  fc.constantFrom('1', '2'),
)
const statement = fc.oneof(
  row.map((each) => `insert into thing values ${each} on conflict do nothing`),
  row.map(
    (each) =>
      `insert into thing values ${each} on conflict (size, name) do update set size = excluded.size, name = excluded.name, body = 'z'`,
  ),
  fc.tuple(equation, equation).map(([set, which]) => `update thing set ${set} where ${which}`),
  fc
    .tuple(values.size, values.name)
    .map(([from, name]) => `update thing set size = size * ${from} where name = ${name} and size = ${from}`),
  equation.map((which) => `delete from thing where ${which}`),
  member.map((each) => `insert into member values (${each.join(', ')}) on conflict do nothing`),
  member.map(([who]) => `delete from member where person = ${who}`),
)
const batch = fc.array(fc.array(statement, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 })

/** As a client holds them: by key, and of a column only that. */
async function shownBy(client: pg.ClientBase, definition: Definition): Promise<Map<string, Row>> {
  const { relation, sight } = definition
  const select = selectShown(
    definition,
    `${relation.keyExpression} as key, (${relation.rowExpression})::text as row`,
  )
  const rows = await readAs(client, relation, [sight.claims], select)
  return new Map(rows.map(({ key, row }) => [key, cut(definition, JSON.parse(row ?? '{}') as Row)]))
}

function cut(definition: Definition, row: Row): Row {
  const column = columnOf(definition)
  return column === null ? row : Object.fromEntries(Object.entries(row).filter(([name]) => name === column))
}

/** In one transaction; what PostgreSQL refuses, for a key that is there, say, is left out. */
async function write(statements: readonly string[]): Promise<void> {
  await admin.query('begin')
  for (const each of statements) {
    await admin.query('savepoint one')
    await admin.query(each).catch(() => admin.query('rollback to savepoint one'))
  }
  await admin.query('commit')
}

async function follow(): Promise<{ feed: WindowFeed; held: Map<string, Row> }[]> {
  const definitions = new Definitions(pool)
  const all = await Promise.all(
    subscriptions.flatMap((each) => subs.map((sub) => definitions.define(each, { role, claims: { sub } }))),
  )
  const different = new Map(all.map((each) => [JSON.stringify([each.id, each.sight.name]), each]))
  return inOneSnapshot(pool, async (client) => {
    const feeds = []
    for (const definition of different.values()) {
      expect(hasWindow(definition)).toBe(true)
      const held = await shownBy(client, definition)
      const window = { query: queryOf(definition), keys: new Set(held.keys()) }
      feeds.push({ feed: { definition, followers: new Set(), window }, held })
    }
    return feeds
  })
}

test('whatever is written, what a feed is told of makes of what it has shown what it shows now, each change once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...policies),
      fc.array(row, { minLength: 4, maxLength: 8 }),
      fc.array(batch, { minLength: 3, maxLength: 8 }),
      async (policy, rows, batches) => {
        await admin.query(`delete from thing; delete from member; drop policy if exists a on thing;
          alter table thing enable row level security; create policy a on thing using (${policy});
          insert into thing values ${rows.join(', ')} on conflict do nothing`)
        const feeds = await follow()
        const routes = new Routes()
        for (const { feed } of feeds) routes.add(feed)
        for (const transactions of batches) {
          const from = await snapshotOf(admin)
          for (const statements of transactions) await write(statements)
          await inOneSnapshot(pool, (client) => routeTo(client, feeds, routes, from))
        }
      },
    ),
    { numRuns: Number(process.env['ROUTING_RUNS'] ?? 6) },
  )
}, 600_000)

async function routeTo(
  client: pg.ClientBase,
  feeds: Awaited<ReturnType<typeof follow>>,
  routes: Routes,
  from: string,
): Promise<void> {
  const to = await snapshotOf(client)
  const { transactions } = await readLog(client, from, to, routes.relationIds, undefined, routes.decisiveIds)
  const relationOf = (id: number) =>
    feeds.find(({ feed }) => feed.definition.relation.id === id)?.feed.definition.relation
  const none = { unsettled: new Set<number>(), setAside: new Set<number>() }
  const { batch, shifts } = await routeBatch(transactions, routes, relationOf, none, client)
  for (const { aspect, feed, entering, leaving } of shifts) aspect.shift(feed, entering, leaving)
  for (const { feed, held } of feeds) {
    const { definition, window } = feed
    for (const { change } of batch.feeds.get(feed)?.deliveries ?? []) {
      const { op, key } = change.row
      expect(held.has(key), `${op} of ${key}`).toBe(op !== 'row_insert')
      if (op === 'row_delete') held.delete(key)
      else held.set(key, { ...held.get(key), ...cut(definition, change.content) })
    }
    expect(sorted(held), definition.id).toEqual(sorted(await shownBy(client, definition)))
    expect([...window.keys].toSorted(), definition.id).toEqual([...held.keys()].toSorted())
  }
}

function sorted(rows: ReadonlyMap<string, Row>): [string, Row][] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
}
