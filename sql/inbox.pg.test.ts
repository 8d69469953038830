import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'

let database: TestDatabase
let reader: pg.Client
let writers: pg.Client[]

beforeAll(async () => {
  database = await createTestDatabase()
  reader = await database.connect()
  writers = await Promise.all([1, 2, 3].map(() => database.connect()))
  await reader.query(`
    create table account (id integer primary key, balance integer not null, note text);
    select event.track('account')`)
  // Who waits for another's row gives up, so that one program can play all the writers.
  for (const writer of writers) await writer.query(`set lock_timeout = '5ms'`)
})
afterAll(() => database[Symbol.asyncDispose]())

const id = fc.integer({ min: 1, max: 20 })
const write = fc.oneof(
  {
    weight: 3,
    arbitrary: id.map((id) => `insert into account values (${id}, 0) on conflict (id) do nothing`),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(id, fc.integer({ min: 0, max: 3 }))
      .map(([id, n]) => `update account set balance = ${n}, note = '${n % 2}' where id = ${id}`),
  },
  fc.tuple(id, id).map(([from, to]) => `update account set id = ${to} where id = ${from}`),
  id.map((id) => `update account set balance = balance + 1 where id % 4 = ${id % 4}`),
  id.map((id) => `delete from account where id = ${id}`),
)
const control = fc.constantFrom(
  'begin',
  'begin',
  'begin',
  'begin isolation level repeatable read',
  'commit',
  'rollback',
  'savepoint s',
  'rollback to s',
)
/** What a writer does, or the reader, who acknowledges this share of its inbox. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ writer: fc.nat(2), statement: write }) },
  { weight: 2, arbitrary: fc.record({ writer: fc.nat(2), statement: control }) },
  { weight: 2, arbitrary: fc.record({ acknowledge: fc.constantFrom(0.2, 0.4, 0.6, 0.8) }) },
)

type Row = Record<string, unknown>

interface Entry {
  seq: string
  op: string
  id: string
  data: unknown
}

function apply(rows: Map<string, Row>, applied: Set<string>, { seq, op, id, data }: Entry): void {
  expect(applied, 'delivered once').not.toContain(`${seq} ${id}`)
  applied.add(`${seq} ${id}`)
  const [, , key = '', column = ''] = id.split('.')
  if (op === 'row_insert') {
    expect(rows.has(key), id).toBe(false)
    rows.set(key, data as Row)
  } else if (op === 'row_delete') {
    expect(rows.delete(key), id).toBe(true)
  } else {
    expect(rows.has(key), id).toBe(true)
    rows.set(key, { ...rows.get(key), [column]: data })
  }
}

async function table(): Promise<Map<string, Row>> {
  const { rows } = await reader.query(`select * from account`)
  return new Map(rows.map((row) => [String(row.id), row]))
}

test('E-7 E-19 H-3 applying what is acknowledged, in order, to the state before gives the state after, whoever writes and however', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 100 }), async (steps) => {
      const rows = await table()
      const applied = new Set<string>()
      const session: string = (await reader.query(`select event.session_create() as id`)).rows[0].id
      await reader.query(`select event.subscribe_table($1, 'account')`, [session])
      const acknowledge = async (share: number) => {
        const { rows: inbox } = await reader.query(`select * from event.inbox($1)`, [session])
        const last = inbox[Math.ceil(inbox.length * share) - 1]
        if (!last) return
        await reader.query(`select event.ack($1, $2)`, [session, last.position])
        // Whole transactions: what has the same position goes with it.
        inbox
          .slice(0, inbox.findLastIndex(({ position }) => position === last.position) + 1)
          .forEach((entry) => apply(rows, applied, entry))
      }

      for (const step of steps) {
        if ('acknowledge' in step) await acknowledge(step.acknowledge)
        else await writers[step.writer]?.query(step.statement).catch(() => undefined)
      }
      for (const writer of writers) await writer.query('commit')

      await acknowledge(1)
      expect(rows).toEqual(await table())
      await reader.query(`select event.session_delete($1)`, [session])
    }),
    { numRuns: 40, endOnFailure: true }, // shrinking would take a database through the same for minutes
  )
})
