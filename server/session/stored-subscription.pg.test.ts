import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Operator, Predicate, Subscription } from '../../shared/subscription.ts'
import type { Value } from '../../shared/change.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { createEncodingPool } from '../db/pool.ts'
import { define } from '../routing/definition.ts'
import type { Identity } from './identity.ts'
import { SessionStore } from './session-store.ts'

let database: TestDatabase
let pool: pg.Pool
let identity: Identity

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createEncodingPool(database.serverUrl, 4)
  identity = { role: database.reader, claims: {} }
  await (
    await database.connect()
  ).query(`
    create schema "Other.One";
    create type mood as enum ('glad', 'sad');
    create type pair as (b int, a text);
    create table "Other.One"."the table" (
      id int, big bigint, "Name" text, amount numeric, share float8, at timestamptz, day date, is_done boolean, mood mood,
      tags text[], doc jsonb, duo pair, raw bytea, primary key (id, "Name", at));
    select event.track('"Other.One"."the table"')`)
})
afterAll(async () => {
  await pool.end()
  await database[Symbol.asyncDispose]()
})

const text = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((s) => !s.includes('\0'))
const date = fc
  .date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((at) => at.toISOString())
const values: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  id: fc.oneof(fc.integer(), fc.integer().map(String)),
  big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  Name: text,
  amount: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom('1.50', '-0', 'NaN', '1e30', '00.10'),
  ),
  share: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom('NaN', '-Infinity', 1e21, -0),
  ),
  at: fc.oneof(date, fc.constantFrom('2020-03-01T00:00:00+01', 'infinity')),
  day: date.map((at) => at.slice(0, 10)),
  is_done: fc.oneof(fc.boolean(), fc.constantFrom('yes', 'off')),
  mood: fc.constantFrom('glad', 'sad'),
  tags: fc.array(fc.oneof(text, fc.constant(null)), { maxLength: 3 }),
  doc: fc.oneof(text, fc.integer(), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 })),
  raw: fc.constantFrom('\\x', '\\x01FF'),
}

const condition: fc.Arbitrary<Predicate> = fc.constantFrom(...Object.keys(values)).chain((column) => {
  const value = values[column] as fc.Arbitrary<Value>
  const compare = fc.constantFrom<Operator>('eq', 'ne', 'lt', 'lte', 'gt', 'gte')
  return fc.oneof<fc.Arbitrary<Predicate>[]>(
    fc.record({ column: fc.constant(column), op: compare, value }),
    fc.record({
      column: fc.constant(column),
      op: fc.constant('in' as const),
      value: fc.array(value, { maxLength: 4 }),
    }),
    fc.record({ column: fc.constant(column), op: fc.constant('is_null' as const), value: fc.boolean() }),
    fc.record({
      column: fc.constant('Name'),
      op: fc.constantFrom('like', 'ilike'),
      value: fc.constantFrom('%', 'a\\%b_', '', 'é%'),
    }),
  )
})

const { predicate } = fc.letrec<{ predicate: Predicate }>((tie) => {
  const several = fc.array(tie('predicate'), { minLength: 1, maxLength: 3 })
  return {
    predicate: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      condition,
      fc.record({ and: several }),
      fc.record({ or: several }),
      fc.record({ not: tie('predicate') }),
    ),
  }
})

const relation = fc.constant('"Other.One"."the table"')
const key = fc.tuple(fc.integer(), text, date)
const column = fc.constantFrom('Name', 'amount', 'duo')
const order = fc.record({
  column: fc.constantFrom('id', 'Name', 'share', 'day'),
  direction: fc.constantFrom('asc' as const, 'desc' as const),
})
const table = fc.record(
  {
    kind: fc.constant('table' as const),
    relation,
    where: predicate,
    orderBy: fc.uniqueArray(order, { minLength: 1, maxLength: 3, selector: (by) => by.column }),
    limit: fc.integer({ min: 1, max: 1_000_000 }),
  },
  { requiredKeys: ['kind', 'relation'] },
)
const subscription: fc.Arbitrary<Subscription> = fc.oneof(
  { weight: 6, arbitrary: table },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('column' as const), relation, column }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('row' as const), relation, key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('field' as const), relation, key, column }) },
)

test('what is stored of a subscription asks for the same: restored on another server it has the same id', async () => {
  const store = new SessionStore(pool)
  await fc.assert(
    fc.asyncProperty(fc.array(subscription, { minLength: 1, maxLength: 4 }), async (wanted) => {
      const key = await store.create(identity)
      const definitions = await Promise.all(wanted.map((each) => define(pool, each, identity)))
      await store.attach(key.id, definitions)
      const { subscriptions } = await new SessionStore(pool).open(key, identity, { withSubscriptions: true })
      store.detach(key.id)
      expect(new Set(subscriptions.map(({ id }) => id))).toEqual(new Set(definitions.map(({ id }) => id)))
      for (const { id, subscription: restored } of subscriptions)
        expect((await define(pool, restored, identity)).id, JSON.stringify(restored)).toBe(id)
    }),
    { numRuns: 60 },
  )
})

test('a table that is gone is restored by its last name', async () => {
  const owner = await database.connect()
  await owner.query(`create table gone (id int primary key); select event.track('gone')`)
  const store = new SessionStore(pool)
  const key = await store.create(identity)
  await store.attach(key.id, [await define(pool, { kind: 'row', relation: 'gone', key: [1] }, identity)])
  await owner.query('alter table gone rename to renamed')
  const restored = async () =>
    (await store.open(key, identity, { withSubscriptions: true })).subscriptions.map(
      (s) => s.subscription.relation,
    )
  expect(await restored()).toEqual(['public.renamed'])
  await owner.query('drop table renamed')
  expect(await restored()).toEqual([expect.stringMatching(/^public\.(gone|renamed)$/)])
})
