import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import pg from 'pg'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { migrate } from '../server/db/migrate.ts'
import { sqlStates } from '../shared/errors.ts'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'

/** A transaction as it was read: its id, and the numbers of the items that it inserted. */
type Read = readonly [xid: string, items: readonly number[]]

const day = 86_400_000
const expired = { code: sqlStates.position_expired }

let database: TestDatabase
let client: pg.Client
let reader: pg.Client
/** Is in no transaction, so it sees all as it is. */
let watcher: pg.Client
let relationId: number
/** Time goes on as a test says. */
let clock: number

beforeEach(async () => {
  database = await createTestDatabase()
  onTestFinished(() => database[Symbol.asyncDispose]())
  client = await database.connect()
  reader = await database.connect()
  watcher = await database.connect()
  clock = Date.now()
  // Nothing is deleted of it, so it tells for ever what was committed, by which transaction.
  await client.query(`
    create table item (n integer generated always as identity primary key, xid xid8 default pg_current_xact_id(), note text);
    select event.track('item')`)
  const { rows } = await client.query(`select id from event.tracked_relation where oid = 'item'::regclass`)
  relationId = rows[0].id
})

const insert = (on = client) => on.query('insert into item default values')

async function position(on = reader): Promise<string> {
  return (await on.query('select event.current_position()::text as position')).rows[0].position
}

/** Reads the log. */
async function read(after: string, until: string, on = reader): Promise<Read[]> {
  const { rows } = await on.query<{ xid: string; key: string }>(
    'select * from event.changes_between($1, $2, $3)',
    [after, until, [relationId]],
  )
  return grouped(rows.map(({ xid, key }) => [xid, Number(JSON.parse(key)[0])]))
}

/** What should have been read, if nothing was pruned. */
async function truth(after: string, until: string): Promise<Read[]> {
  const { rows } = await reader.query<{ xid: string; n: number }>(
    `select i.xid::text, i.n from item as i
      where not pg_visible_in_snapshot(i.xid, $1) and pg_visible_in_snapshot(i.xid, $2)
      order by max(i.n) over (partition by i.xid), i.n`,
    [after, until],
  )
  return grouped(rows.map(({ xid, n }) => [xid, n]))
}

/** Of a transaction, which must come in one piece, only which items it has. */
function grouped(rows: readonly (readonly [xid: string, n: number])[]): Read[] {
  const transactions: [string, number[]][] = []
  for (const [xid, n] of rows)
    if (transactions.at(-1)?.[0] === xid) transactions.at(-1)?.[1].push(n)
    else transactions.push([xid, [n]])
  return transactions.map(([xid, items]) => [xid, items.toSorted((a, b) => a - b)])
}

interface Deed {
  readonly did: string
  readonly part: number
  readonly reason: string
}

/** Other tests have their transactions in the same server, and one that is old holds back what is over. */
async function othersEnded(): Promise<void> {
  const held = `select from pg_stat_activity as a join event.log_part as p on p.closed_at is not null and p.over_at is null
    where a.datname <> current_database() and a.backend_xid is not null and age(a.backend_xid) > age(p.end_xid::xid)`
  while ((await watcher.query(held)).rows.length > 0) await sleep(20)
}

/** Time goes on, and what is due is done. */
async function tend(laterMs: number, on = client): Promise<Deed[]> {
  await othersEnded()
  clock += laterMs
  const { rows } = await on.query<Deed>('select did, part, reason from event.tend_log_at($1)', [
    new Date(clock),
  ])
  return rows
}

/** Makes the log begin anew in the next part, and forgets all that is before. */
async function forgetAll(): Promise<void> {
  const { rows } = await client.query('select max_age, max_bytes from event.retention')
  await client.query(`select event.retain('1 day', null)`)
  for (let i = 0; i < 4; i++) {
    await insert()
    await tend(2 * day)
  }
  await client.query('select event.retain($1, $2)', [rows[0].max_age, rows[0].max_bytes])
}

async function partsInUse(): Promise<number[]> {
  const { rows } = await client.query<{ part: number }>(
    'select distinct tableoid::regclass::text, part from event.change order by part',
  )
  return rows.map(({ part }) => part)
}

describe('whoever writes, however, while parts are opened and emptied', () => {
  const writer = fc.nat(3)
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ writer, statement: fc.constant('insert into item default values') }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        writer,
        statement: fc.constantFrom(
          'insert into item (note) select n::text from generate_series(1, 5) as n',
          // Statements inside statements: the log is put in order, so it is looked for there.
          `with a as (insert into item (note) values ('a'), ('b') returning n) insert into item (note) select 'c' from a`,
        ),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        writer,
        statement: fc.constantFrom(
          'begin',
          'begin',
          'begin isolation level repeatable read',
          'commit',
          'commit',
          'rollback',
          'savepoint s',
          'rollback to s',
        ),
      }),
    },
    { weight: 3, arbitrary: fc.record({ tend: fc.constantFrom('commit', 'rollback'), days: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ read: fc.constantFrom('next', 'older') }) },
  )

  test('a reader who follows gets all, once; from any older position one gets all or is told', async () => {
    const writers = await Promise.all([0, 1, 2, 3].map(() => database.connect()))
    for (const writer of writers) await writer.query(`set lock_timeout = '100ms'`)
    await client.query(`select event.retain('3 days', null)`)
    let [told, whole] = [0, 0]

    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), fc.nat(), async (steps, pick) => {
        const positions = [await position()]
        const check = async (from: string): Promise<void> => {
          const until = await position()
          const result = await read(from, until).catch((error: unknown) => error)
          if (result instanceof Error) {
            expect(result).toMatchObject(expired)
            told++
          } else {
            expect(result).toEqual(await truth(from, until))
            whole++
          }
          positions.push(until)
        }
        for (const [i, step] of steps.entries()) {
          if ('statement' in step) {
            const { code } = await writers[step.writer]!.query(step.statement).then(
              () => ({ code: '' }),
              (error: pg.DatabaseError) => error,
            )
            // No transaction, no savepoint, one that has failed, one in one: a random program may do that. Never a lock.
            expect(['', '25P01', '3B001', '25P02', '25001']).toContain(code)
          } else if ('tend' in step) {
            await client.query('begin')
            await tend(step.days * day)
            await client.query(step.tend)
          } else await check(positions.at(step.read === 'next' ? -1 : (pick + i) % positions.length)!)
        }
        for (const writer of writers) await writer.query('rollback')
        for (const from of positions.slice()) await check(from)
        await tend(0)
        const { rows } = await client.query(
          'select part from event.log_part where opened_at is not null or part = any ($1)',
          [await partsInUse()],
        )
        const { rows: known } = await client.query(
          'select part from event.log_part where opened_at is not null',
        )
        expect(known, 'no part that holds something is taken for free').toEqual(rows)
      }),
      { numRuns: 25, endOnFailure: true },
    )
    expect(told).toBeGreaterThan(0)
    expect(whole).toBeGreaterThan(0)
  }, 180_000)

  test('of many at once, too', async () => {
    await client.query(`select event.retain('1 day', null)`)
    const start = await position()
    let isOver = false
    let passes = 0
    const write = async (n: number) => {
      const writer = await database.connect()
      await writer.query(`set lock_timeout = '2s'; set statement_timeout = '10s'`)
      for (let i = 0; !isOver; i++) {
        const isLong = (n + i) % 10 === 0
        await writer.query('begin')
        await insert(writer)
        await writer.query('savepoint s')
        await insert(writer)
        if (isLong) await writer.query('select pg_sleep(0.1)')
        if (i % 3 === 0) await writer.query('rollback to s')
        await insert(writer)
        await writer.query(i % 5 === 0 ? 'rollback' : 'commit')
      }
    }
    const follow = async () => {
      const seen: Read[] = []
      let from = start
      while (!isOver) {
        const until = await position()
        seen.push(...(await read(from, until)))
        from = until
        passes++
      }
      const until = await position()
      seen.push(...(await read(from, until)))
      return [seen, until] as const
    }
    const work = [1, 2, 3, 4, 5, 6].map(write)
    const following = follow()
    let emptied = 0
    for (let i = 0; i < 60; i++) {
      // What is over goes a day later, and within a seventh of that the reader has read on, however slow this machine is.
      for (const before = passes; passes < before + 2;) await Promise.race([sleep(5), following])
      const deeds = await tend(day / 7)
      emptied += deeds.filter(({ did }) => did === 'emptied').length
    }
    isOver = true
    await Promise.all(work)
    const [seen, end] = await following
    expect(emptied).toBeGreaterThan(5)
    expect(seen.flatMap(([xid, items]) => items.map((n) => `${xid} ${n}`)).toSorted()).toEqual(
      (await truth(start, end)).flatMap(([xid, items]) => items.map((n) => `${xid} ${n}`)).toSorted(),
    )
    expect(new Set(seen.map(([xid]) => xid)).size, 'each transaction in one piece').toBe(seen.length)
  })
})

describe('nobody waits', () => {
  test('a writer writes on while a transaction that has emptied and opened parts is held open', async () => {
    await client.query(`select event.retain('1 day', null)`)
    const early = await database.connect()
    await early.query(`set lock_timeout = '100ms'; begin`)
    await insert(early)
    await forgetAll()
    for (let i = 0; i < 4; i++) await insert().then(() => tend(day / 3))
    await early.query('commit; begin')
    await insert(early)

    await client.query('begin')
    const deeds = [...(await tend(2 * day)), ...(await tend(2 * day))].map(({ did }) => did)
    expect(deeds).toContain('emptied')
    const from = await position()
    const late = await database.connect()
    await late.query(`set lock_timeout = '100ms'`)
    await reader.query(`set lock_timeout = '100ms'`)
    for (const writer of [early, late, late]) {
      await writer.query(
        `with a as (insert into item default values returning n) insert into item (note) select 'c' from a`,
      )
      await insert(writer)
    }
    await early.query('commit')
    const until = await position()
    expect(await read(from, until)).toEqual(await truth(from, until))
    await client.query('commit')
  })

  test('a part that somebody uses is left for another time, and who reads on is not held up', async () => {
    await client.query(`select event.retain('1 day', null)`)
    const from = await position()
    await insert()
    await tend(day)
    await insert()
    await insert()
    await insert()
    await tend(0)
    const until = await position()
    await reader.query('begin')
    await read(from, until)

    expect(await tend(2 * day)).toContainEqual({ did: 'in use', part: 0, reason: 'age' })
    const other = await database.connect()
    await other.query(`set lock_timeout = '100ms'`)
    expect(await read(from, until, other)).toEqual(await truth(from, until))
    await reader.query('commit')
    expect(await tend(0)).toContainEqual({ did: 'emptied', part: 0, reason: 'age' })
    await expect(read(from, until)).rejects.toMatchObject(expired)
  })

  test('of several who tend it at once, one does', async () => {
    await client.query('begin')
    await tend(0)
    expect((await reader.query('select * from event.tend_log()')).rows).toEqual([])
    await client.query('commit')
  })

  test('who reads live touches the part that is written to, and no other', async () => {
    for (let i = 0; i < 3; i++) {
      await tend(day)
      await insert()
    }
    await othersEnded()
    const from = await position()
    await insert()
    await reader.query('begin')
    expect(await read(from, await position())).toHaveLength(1)
    const { rows } = await reader.query(
      `select relation::regclass::text as name from pg_locks where pid = pg_backend_pid() and relation::regclass::text like 'event.change_%'
        and relation in (select c.oid from pg_class as c where c.relkind = 'r') order by 1`,
    )
    expect(rows).toEqual([{ name: `event.change_${(await partsInUse()).at(-1)}` }])
    await reader.query('commit')
  })
})

test('a transaction that is open while parts are opened is read whole, and nothing that it may have written to goes', async () => {
  await client.query(`select event.retain('1 day', null)`)
  const from = await position()
  const long = await database.connect()
  await long.query('begin')
  for (let i = 0; i < 12; i++) {
    await insert(long)
    await insert()
    const deeds = await tend(day / 3)
    expect(deeds.map(({ did }) => did)).not.toContain('emptied')
  }
  const before = await position()
  await long.query('commit')
  const after = await position()
  expect((await read(before, after)).map(([, items]) => items.length)).toEqual([12])
  expect(await read(from, after)).toEqual(await truth(from, after))

  // From when it ended, it is kept for as long as all else.
  await tend(0)
  expect(await tend(day - 1_000)).not.toContainEqual(expect.objectContaining({ did: 'emptied' }))
  expect(await read(before, after)).toHaveLength(1)
  expect((await tend(1_000)).map(({ did }) => did)).toContain('emptied')
  await expect(read(from, after)).rejects.toMatchObject(expired)
})

test('who reads by a snapshot from before a part was emptied is told, and does not miss it unawares', async () => {
  await client.query(`select event.retain('1 day', null)`)
  const from = await position()
  await insert()
  await reader.query('begin isolation level repeatable read')
  const until = await position()
  expect((await reader.query('select count(*)::int as n from item')).rows).toEqual([{ n: 1 }])
  await forgetAll()
  const error: unknown = await read(from, until).catch((error: unknown) => error)
  expect(error).toMatchObject({
    ...expired,
    message: expect.stringContaining(`position ${from} has expired`),
  })
  expect(error).toMatchObject({ hint: expect.stringContaining('Begin anew') })
  await reader.query('rollback')
  expect(await read(await position(), await position())).toEqual([])
})

describe('what is kept', () => {
  test('by age: all that is younger, and little that is older than an eighth more', async () => {
    await client.query(`select event.retain('8 hours', null)`)
    const start = clock
    const times = new Map<number, number>()
    for (let i = 1; i <= 200; i++) {
      await insert()
      times.set(i, clock)
      await tend(15 * 60_000)
      const { rows } = await client.query<{ first: number }>(
        `select min((c.key::json ->> 0)::int) as first from event.change as c`,
      )
      const ageMs = clock - (times.get(rows[0]!.first) ?? NaN)
      if (clock - start < 8 * 3_600_000) expect(rows[0]!.first).toBe(1)
      else expect(ageMs).toBeGreaterThanOrEqual(8 * 3_600_000 - 15 * 60_000)
      // A part takes a seventh, and a few looks at the clock pass until one is known to be over.
      expect(ageMs).toBeLessThanOrEqual((8 * 3_600_000 * 8) / 7 + 4 * 15 * 60_000)
    }
  })

  test('by size: the newest, as much of it as there is room for', async () => {
    const limit = 4_000_000
    await client.query('select event.retain(null, $1)', [limit])
    let most = 0
    for (let i = 0; i < 60; i++) {
      await client.query(
        `insert into item (note) select string_agg(md5(random()::text), '') from generate_series(1, 1000) as n, generate_series(1, 3) group by n`,
      )
      await tend(60_000)
      const { rows } = await client.query(
        `select sum(event.log_part_bytes(n))::int as bytes, (select count(*)::int from event.change) as rows from generate_series(0, 7) as n`,
      )
      most = Math.max(most, rows[0].bytes)
      expect(rows[0].rows).toBeGreaterThanOrEqual(Math.min(i + 1, 4) * 1000)
    }
    expect(most).toBeGreaterThan(limit / 2)
    expect(most).toBeLessThan(limit * 1.5)
  })

  test('for ever: everything', async () => {
    await client.query('select event.retain(null, null)')
    const from = await position()
    for (let i = 0; i < 20; i++) {
      await insert()
      expect(await tend(365 * day)).toEqual([])
    }
    const until = await position()
    expect(await read(from, until)).toHaveLength(20)
  })

  test('what makes no sense is refused, and so is who does not own the log', async () => {
    for (const [age, bytes, message] of [
      ['30 seconds', null, 'at least a minute, not for 00:00:30'],
      ['-1 day', null, 'at least a minute'],
      ['5000 years', null, 'longer than'],
      [null, 1000, 'at least 1 MB (1048576 bytes), not 1000 bytes'],
    ] as const)
      await expect(client.query('select event.retain($1, $2)', [age, bytes])).rejects.toMatchObject({
        code: '22023',
        message: expect.stringContaining(message),
      })
    const role = await database.createRole('nologin')
    await reader.query(`set role ${role}`)
    for (const call of [`retain('1 day', null)`, 'log_status()', 'tend_log_at(now())', 'log_horizon()'])
      await expect(reader.query(`select event.${call}`)).rejects.toThrow(/permission denied/)
    await reader.query('select event.tend_log()')
  })

  test('a clock that was ahead, and is put right, does not keep things for longer', async () => {
    await client.query(`select event.retain('1 day', null)`)
    await insert()
    await tend(300 * day)
    for (let i = 0; i < 4; i++) await insert()
    await tend(0)
    clock -= 300 * day
    await tend(0)
    expect((await tend(day + 1_000)).map(({ did }) => did)).toContain('emptied')
  })

  test('a change of statement isolation is refused in words', async () => {
    await client.query('begin isolation level repeatable read')
    await expect(client.query('select event.tend_log()')).rejects.toThrow(/read committed/)
    await client.query('rollback')
  })
})

describe('bounded', () => {
  const bounded = async (from: string, ids: number[], maxRows: number | null, maxBytes: number | null) =>
    (
      await reader.query(
        `select xid, key, relation_id from event.changes_between($1, pg_current_snapshot(), $2, $3, $4)`,
        [from, ids, maxRows, maxBytes],
      )
    ).rows

  test('of more than was asked for, it tells the relation with the most, to be left out', async () => {
    await client.query(`create table other (id int primary key, note text); select event.track('other')`)
    const { rows } = await client.query(`select id from event.tracked_relation where oid = 'other'::regclass`)
    const otherId: number = rows[0].id
    const both = [relationId, otherId]
    const from = await position()
    await client.query(`insert into item select from generate_series(1, 100)`)
    await client.query(`insert into other select n, repeat('x', 100) from generate_series(1, 10) as n`)

    expect(await bounded(from, both, 110, null)).toHaveLength(110)
    expect(await bounded(from, both, 109, null)).toEqual([{ xid: null, key: null, relation_id: relationId }])
    expect(await bounded(from, [otherId], 109, null)).toHaveLength(10)
    expect(await bounded(from, [otherId], null, 1_500)).toHaveLength(10)
    expect(await bounded(from, [otherId], null, 1_000)).toEqual([
      { xid: null, key: null, relation_id: otherId },
    ])
    // A megabyte is stored in a few kilobytes.
    await client.query(`insert into other select 11, repeat('x', 1000000)`)
    expect(await bounded(from, [otherId], 100, 900_000)).toEqual([
      { xid: null, key: null, relation_id: otherId },
    ])
    expect(await bounded(from, both, 0, null)).toHaveLength(1)
    expect(await bounded(from, [], 0, 0)).toEqual([])
  })

  test('a large transaction of one relation is looked at no further than that, and costs the others nothing', async () => {
    await client.query(`create table other (id int primary key); select event.track('other')`)
    const from = await position()
    await client.query(`insert into item select from generate_series(1, 100000)`)
    await client.query(`insert into other values (1)`)
    await client.query(`set work_mem = '64kB'`)
    const { rows } = await client.query(`select id from event.tracked_relation where oid = 'other'::regclass`)
    expect(await bounded(from, [relationId, rows[0].id], 1000, null)).toEqual([
      { xid: null, key: null, relation_id: relationId },
    ])
    const buffers = async (ids: number[], maxRows: number) => {
      const { rows } = await reader.query(
        `explain (analyze, buffers, format json) select from event.changes_between('${from}', pg_current_snapshot(), '{${ids}}', ${maxRows})`,
      )
      const plan = rows[0]['QUERY PLAN'][0].Plan
      return plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
    }
    for (const ids of [[relationId, rows[0].id], [rows[0].id]]) await buffers(ids, 1000) // planned once
    // In 8 kB: the table of 100,000 changes has more than a thousand of them, its index four hundred.
    expect(await buffers([relationId, rows[0].id], 1000)).toBeLessThan(200)
    expect(await buffers([rows[0].id], 1000)).toBeLessThan(900)
  })

  test('a large transaction that runs still is not looked at', async () => {
    const from = await position()
    await client.query('begin; insert into item select from generate_series(1, 50000)')
    const writer = await database.connect()
    await writer.query(`insert into item select from generate_series(1, 10)`)
    const between = await position()
    await writer.query(`insert into item select from generate_series(1, 10)`)
    const buffers = async (after: string) => {
      const { rows } = await reader.query(
        `explain (analyze, buffers, format json) select from event.changes_between('${after}', pg_current_snapshot(), '{${relationId}}', 1000)`,
      )
      const plan = rows[0]['QUERY PLAN'][0].Plan
      expect(plan['Actual Rows']).toBe(after === from ? 20 : 10)
      return plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
    }
    // Once among those that ran then, the usual case; it has filled some five hundred blocks.
    await buffers(between)
    expect(await buffers(between)).toBeLessThan(200)
    expect(await buffers(from)).toBeGreaterThan(0)
    await client.query('commit')
  })
})

describe('sessions in SQL', () => {
  const warnings = (on: pg.Client) => {
    const messages: string[] = []
    on.on('notice', ({ message }) => messages.push(message ?? ''))
    return messages
  }
  const inbox = async (session: string) =>
    (
      await client.query<{ id: string; position: string }>(`select id, position from event.inbox($1)`, [
        session,
      ])
    ).rows

  test('one that comes back too late is warned, begins anew, and goes on', async () => {
    await client.query(`select event.retain('1 day', null)`)
    const notices = warnings(client)
    const { rows } = await client.query('select event.session_create() as id')
    const session: string = rows[0].id
    await client.query(`select event.subscribe_table($1, 'item')`, [session])
    await insert()
    expect(await inbox(session)).toHaveLength(1)
    await forgetAll()

    expect(await inbox(session)).toEqual([])
    expect(notices).toEqual([expect.stringMatching(/^session .* begins anew: it has come back too late/)])
    await insert()
    const entries = await inbox(session)
    expect(entries).toHaveLength(1)
    await client.query('select event.ack($1, $2)', [session, entries[0]?.position])
    expect(await inbox(session)).toEqual([])
    expect(notices).toHaveLength(1)
  })

  test('one that follows nothing of which something was pruned is left alone', async () => {
    await client.query(`select event.retain('1 day', null)`)
    const notices = warnings(client)
    const { rows } = await client.query('select event.session_create() as id')
    const session: string = rows[0].id
    await forgetAll()
    await client.query(`select event.subscribe_table($1, 'item')`, [session])
    await insert()
    expect(await inbox(session)).toHaveLength(1)
    expect(notices).toEqual([])
  })
})

test('a log that came here in a dump is adopted: what it holds leads nowhere, and all goes on', async () => {
  for (let i = 0; i < 3; i++) await insert()
  await client.query(`select event.retain('1 day', null)`)
  // As another cluster left it, that was far ahead.
  const far = Number((await client.query('select pg_current_xact_id()::text as xid')).rows[0].xid) + 30
  await client.query(`
    update event.change as c set xid = (${far} + c.seq)::text::xid8;
    update event.log_part set opened_at = now(), closed_at = now(), end_xid = '${far}' where part in (0, 1);
    update event.log_part set opened_at = now() where part = 2;
    select setval('event.log_part_seq', ${far + 1000} * 16 + 2), setval('event.log_horizon_seq', ${far});
    update event.log_origin set system_identifier = 1`)
  await insert() // before anybody could tell

  await client.query('select event.epoch()')
  const from = await position()
  for (let i = 0; i < 60; i++) await insert()
  const until = await position()
  expect(Number(until.split(':')[1])).toBeGreaterThan(far + 10)
  const expected = await truth(from, until)
  expect(expected).toHaveLength(60)
  expect(await read(from, until)).toEqual(expected)
  expect(
    (await client.query(`select count(*)::int as n from event.change where xid >= '${far}'`)).rows[0].n,
  ).toBeGreaterThan(3)

  for (let i = 0; i < 5; i++) {
    await insert()
    await tend(2 * day)
  }
  expect(await partsInUse()).not.toContain(0)
  await expect(read(from, until)).rejects.toMatchObject(expired)
  const next = await position()
  await insert()
  expect(await read(next, await position())).toHaveLength(1)
})

test('the status tells what is there', async () => {
  for (let i = 0; i < 5; i++) await insert()
  await tend(day)
  for (let i = 0; i < 5; i++) await insert()
  const { rows } = await client.query(
    'select part, state, rows::int, bytes::int, oldest <= newest as "isOrdered" from event.log_status()',
  )
  expect(rows).toEqual([
    { part: 0, state: 'closing', rows: expect.any(Number), bytes: expect.any(Number), isOrdered: true },
    { part: 1, state: 'open', rows: expect.any(Number), bytes: expect.any(Number), isOrdered: true },
  ])
  expect(rows[0].rows + rows[1].rows).toBe(10)
})

test('a database whose log was one table keeps it, and can be read on from where one was', async () => {
  const name = `${database.name}_${randomBytes(3).toString('hex')}`.slice(-60)
  await client.query(`create database "${name}" template template0`)
  const old = new pg.Client(Object.assign(new URL(database.url), { pathname: `/${name}` }).href)
  await old.connect()
  try {
    const folder = new URL('migrations/', import.meta.url)
    const files = (await readdir(folder)).toSorted().filter((file) => file < '0006')
    await old.query(
      'create schema event; create table event.migration (name text primary key, applied_at timestamptz default now())',
    )
    for (const file of files) {
      await old.query(await readFile(new URL(file, folder), 'utf8'))
      await old.query('insert into event.migration (name) values ($1)', [file])
    }
    // As the functions of then took them.
    await old.query(
      `create function event.follow_all(changes event.change[]) returns jsonb language sql as 'select null::jsonb'`,
    )
    const { rows } = await old.query('select pg_current_snapshot()::text as position')
    await old.query(
      `insert into event.change (actor, op, relation_id, key, new) values ('ann', 'row_insert', 1, '[1]', '{"id":1}')`,
    )

    await migrate(old)
    await old.query(
      `create table item (id int primary key); select event.track('item'); insert into item values (2)`,
    )
    const after = await old.query(`select key, actor from event.change order by seq`)
    expect(after.rows.map(({ key }) => key)).toEqual(['[1]', '[2]'])
    const changes = await old.query(
      `select key from event.changes_between($1, pg_current_snapshot(), '{1}')`,
      [rows[0].position],
    )
    expect(changes.rows).toEqual([{ key: '[1]' }, { key: '[2]' }])
  } finally {
    await old.end()
    await client.query(`drop database "${name}" with (force)`)
  }
})
