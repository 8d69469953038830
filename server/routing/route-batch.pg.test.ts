import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Subscription } from '../../shared/subscription.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { inOneSnapshot, snapshotOf } from '../../test/snapshot.ts'
import { createEncodingPool } from '../db/pool.ts'
import { readLog } from '../log/read-log.ts'
import { define } from './definition.ts'
import type { Feed } from './feed.ts'
import { routeBatch } from './route-batch.ts'
import { Routes } from './routes.ts'
import { hasWindow, queryOf, readShown } from './shown.ts'

/** A question to PostgreSQL. */
interface Asked {
  readonly text: string
  readonly values: readonly unknown[]
}

const people = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay', 'gus', 'hal']

let database: TestDatabase
let admin: pg.Client
let pool: pg.Pool
let role: string

beforeAll(async () => {
  database = await createTestDatabase()
  role = await database.createRole('nologin')
  admin = await database.connect()
  pool = createEncodingPool(database.url, 2)
  await admin.query(`
    create function me() returns text language sql stable as $$ select current_setting('request.jwt.claims', true)::json ->> 'sub' $$;
    create function may_see(of_channel int) returns boolean language plpgsql stable security definer as $$
    begin return exists (select from public.member as m where m.channel = of_channel and m.person = me()); end $$;
    create table member (channel int, person text, note text, primary key (channel, person));
    create table message (id int primary key, channel int, kind text, size int, body text);
    create table task (id int primary key, owner text, kind text, body text);
    create table memo (id int primary key, channel int, body text);
    create table price (id numeric primary key, size int);
    alter table message enable row level security; alter table task enable row level security; alter table memo enable row level security;
    create policy a on message using (exists (select from member as m where m.channel = message.channel and m.person = me()));
    create policy a on task using (owner = me());
    create policy a on memo using (may_see(channel));
    grant select on all tables in schema public to ${role};
    select event.track('member'), event.track('message'), event.track('task'), event.track('memo'), event.track('price')`)
})

afterAll(async () => {
  await pool.end()
  await database[Symbol.asyncDispose]()
})

beforeEach(async () => {
  await admin.query(`
    delete from member; delete from message; delete from task; delete from memo;
    insert into member select n % 2, p from unnest(array['${people.join(`','`)}']) with ordinality as u (p, n);
    insert into message values (1, 0, 'a', 1, ''), (2, 1, 'a', 2, ''), (3, 0, 'b', 3, '');
    insert into task values (1, 'ann', 'a', ''), (2, 'bob', 'a', '');
    insert into memo values (1, 0, ''), (2, 1, '')`)
})

/** Everybody follows the same, and transactions are routed to them. */
async function following(...subscriptions: Subscription[]) {
  const routes = new Routes()
  const feeds: Feed[] = []
  for (const subscription of subscriptions)
    for (const sub of people) {
      const definition = await define(pool, subscription, { role, claims: { sub } })
      const [keys] = await inOneSnapshot(pool, (client) => readShown(client, [definition]))
      const window = hasWindow(definition) ? { query: queryOf(definition), keys: keys ?? new Set() } : null
      const feed: Feed = { definition, followers: new Set([sub]), window }
      routes.add(feed)
      feeds.push(feed)
    }
  return {
    routes,
    /** What is asked to route what these statements do, in one batch, and who is told of how many changes. */
    async after(...statements: string[]): Promise<{ asked: Asked[]; told: Record<string, number> }> {
      const from = await snapshotOf(admin)
      for (const statement of statements) await admin.query(statement)
      return inOneSnapshot(pool, async (client) => {
        const to = await snapshotOf(client)
        const { transactions } = await readLog(
          client,
          from,
          to,
          routes.relationIds,
          undefined,
          routes.decisiveIds,
        )
        const asked: Asked[] = []
        const relationOf = (id: number) =>
          feeds.find(({ definition }) => definition.relation.id === id)?.definition.relation
        const none = { unsettled: new Set<number>(), setAside: new Set<number>() }
        const { batch, shifts, reread } = await routeBatch(
          transactions,
          routes,
          relationOf,
          none,
          noting(client, asked),
        )
        expect(reread.every(({ isToBeReread }) => isToBeReread)).toBe(true)
        for (const aspect of reread) aspect.isToBeReread = false
        for (const { aspect, feed, entering, leaving } of shifts) aspect.shift(feed, entering, leaving)
        const told: Record<string, number> = {}
        for (const [feed, { deliveries }] of batch.feeds)
          for (const who of feed.followers as Set<string>) told[who] = (told[who] ?? 0) + deliveries.length
        return { asked, told }
      })
    },
  }
}

/** Notes what is asked, but for savepoints, which ask nothing. */
function noting(client: pg.PoolClient, asked: Asked[]): pg.PoolClient {
  const query = (config: string | pg.QueryConfig, values?: unknown[]) => {
    const question = typeof config === 'string' ? { text: config, values } : config
    if (!/savepoint/.test(question.text)) asked.push({ text: question.text, values: question.values ?? [] })
    return client.query(config, values)
  }
  return new Proxy(client, {
    get: (target, name) => (name === 'query' ? query : Reflect.get(target, name)),
  })
}

const all = (changes: number, of: readonly string[] = people) =>
  Object.fromEntries(of.map((who) => [who, changes]))
const even = people.filter((_, n) => n % 2 === 1) // members of channel 0
const odd = people.filter((_, n) => n % 2 === 0)

test.for<[what: string, subscription: Subscription]>([
  ['a table', { kind: 'table', relation: 'message' }],
  ['a column', { kind: 'column', relation: 'message', column: 'body' }],
  ['an equality', { kind: 'table', relation: 'message', where: { column: 'kind', op: 'eq', value: 'a' } }],
  ['a comparison', { kind: 'table', relation: 'message', where: { column: 'size', op: 'lt', value: 3 } }],
  [
    'a list',
    { kind: 'table', relation: 'message', orderBy: [{ column: 'size', direction: 'asc' }], limit: 2 },
  ],
])('a change of a column that no policy, filter or order reads asks nobody: %s', async ([, subscription]) => {
  const { after } = await following(subscription)
  const { asked, told } = await after(
    `update message set body = 'x' where id < 3`,
    `update message set body = 'y' where id < 3`,
  )
  expect(told).toEqual(all(2))
  expect(asked).toEqual([])
})

test('nor does one of a table that policies read, of a column that they do not', async () => {
  const { after } = await following({ kind: 'table', relation: 'message' })
  expect(await after(`update member set note = 'x'`)).toEqual({ asked: [], told: {} })
})

test('who sees what came and what moved is asked in one statement, however many look', async () => {
  const { after } = await following({ kind: 'table', relation: 'message' })
  const came = await after(
    `insert into message values (4, 0, 'a', 1, ''), (5, 0, 'b', 2, '')`,
    `insert into message values (6, 1, 'a', 3, '')`,
  )
  expect(came.told).toEqual({ ...all(2, even), ...all(1, odd) })
  expect(came.asked).toHaveLength(1)
  const moved = await after('update message set channel = 1 where id = 4', 'delete from message where id = 5')
  expect(moved.told).toEqual({ ...all(2, even), ...all(1, odd) })
  expect(moved.asked.filter(({ text }) => text.includes('rowcast_rows'))).toHaveLength(1)
  expect(moved.asked).toHaveLength(2) // and what the row holds, which the log of an update does not say
})

test('also of whom only one after the other can be asked', async () => {
  const { after } = await following({ kind: 'table', relation: 'memo' })
  const { asked, told } = await after(`insert into memo values (3, 0, ''), (4, 1, '')`)
  expect(told).toEqual(all(1))
  const asking = asked.filter(({ text }) => text.includes('select_as'))
  expect(asking.map(({ values }) => (values[1] as string[]).length)).toEqual([people.length])
})

test('what one relation is found to read is not put down to another', async () => {
  const { after, routes } = await following(
    { kind: 'table', relation: 'task' },
    { kind: 'table', relation: 'memo' },
  )
  await after(`update task set owner = 'cid' where id = 1`, `insert into memo values (3, 0, '')`)
  const { rows } = await admin.query('select relation_name as name, id from event.tracked_relation')
  const names = new Map(rows.map(({ id, name }) => [id, name]))
  const reads = [...routes.aspects].map(({ relation, dependencies }) => [
    relation.relation,
    [...dependencies.keys()].map((id) => names.get(id)),
  ])
  expect(reads).toEqual([
    ['task', []],
    ['memo', ['member']],
  ])
})

test('what is to be read again all together is, until that is put into force', async () => {
  const { after, routes } = await following({ kind: 'table', relation: 'task' })
  for (const aspect of routes.aspects) aspect.isToBeReread = true
  expect((await after(`insert into task values (3, 'ann', 'a', '')`)).told).toEqual({ ann: 1 })
  expect([...routes.aspects].map(({ isToBeReread }) => isToBeReread)).toEqual([false])
})

test('of two relations one statement each', async () => {
  const { after } = await following(
    { kind: 'table', relation: 'message' },
    { kind: 'table', relation: 'task' },
  )
  const { asked, told } = await after(
    `insert into message values (4, 0, 'a', 1, ''), (5, 1, 'a', 1, '')`,
    `insert into task values (3, 'ann', 'a', '')`,
    `insert into task values (4, 'ann', 'a', '')`,
  )
  expect(told).toEqual({ ...all(1), ann: 3 })
  const of = (relation: string) => asked.filter(({ text }) => text.includes(`public.${relation} as t`)).length
  expect([of('message'), of('task'), asked.length]).toEqual([1, 1, 2])
})

test('an equality that a filter asks for costs no statement of its own', async () => {
  const filters = ['a', 'b', 'c'].map((value): Subscription => ({
    kind: 'table',
    relation: 'message',
    where: { column: 'kind', op: 'eq', value },
  }))
  const { after } = await following(...filters)
  const { asked, told } = await after(
    `insert into message values (4, 0, 'a', 1, ''), (5, 0, 'b', 1, ''), (6, 1, 'd', 1, '')`,
  )
  expect(told).toEqual(all(2, even))
  expect(asked).toHaveLength(1)
})

test('any other filter, and a list, are asked for in one statement each, for all who follow the same', async () => {
  const lists = [2, 3].map((limit): Subscription => ({
    kind: 'table',
    relation: 'message',
    orderBy: [{ column: 'size', direction: 'desc' }],
    limit,
  }))
  const larger: Subscription = {
    kind: 'table',
    relation: 'message',
    where: { column: 'size', op: 'gt', value: 3 },
  }
  const { after } = await following(...lists, larger)
  const { asked, told } = await after(`insert into message values (4, 0, 'a', 9, ''), (5, 0, 'a', 8, '')`)
  expect(told).toMatchObject(all(2 + 2 + 2 + 2 + 1, even)) // two came to each, and others left the lists
  const asking = asked.filter(({ text }) => text.includes('select_as'))
  expect(asking.map(({ values }) => (values[1] as string[]).length)).toEqual([
    even.length,
    even.length,
    even.length,
  ])
  expect(asked).toHaveLength(1 + 3)
})

test('a change of what a policy reads asks only for those whom it names', async () => {
  const { after } = await following({ kind: 'table', relation: 'message' })
  const { asked, told } = await after(
    `insert into member values (0, 'ann')`,
    `delete from member where person = 'bob'`,
    `insert into member values (0, 'somebody who is not here')`,
  )
  expect(told).toEqual({ ann: 2, bob: 2 })
  const [asking, rows, ...more] = asked
  expect(asking?.text).toContain('select_as') // what they see, of all there is
  expect(asking?.values).toContainEqual(['{"sub":"ann"}', '{"sub":"bob"}'])
  expect(rows?.text).toContain('select_as') // what is in the rows that came
  expect(more).toEqual([])
})

test('a row that is given another key, which is equal to its former in SQL, goes and comes once', async () => {
  await admin.query('delete from price; insert into price values (1.0, 5)')
  const { after } = await following({
    kind: 'table',
    relation: 'price',
    where: { column: 'size', op: 'gt', value: 3 },
  })
  expect((await after('update price set id = 1.00')).told).toEqual(all(2))
})
