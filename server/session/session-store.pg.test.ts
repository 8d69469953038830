import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Subscription } from '../../shared/subscription.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { createEncodingPool, createPool } from '../db/pool.ts'
import { define, type Definition } from '../routing/definition.ts'
import { Definitions } from '../routing/definitions.ts'
import type { Identity } from './identity.ts'
import { SessionStore, type SessionKey, type SessionOptions } from './session-store.ts'
import { Sessions } from './sessions.ts'

let database: TestDatabase
let sql: pg.Pool
let everybody: Identity
const ann: Identity = { role: 'app_user', claims: { sub: 'ann' } }
const bob: Identity = { role: 'app_user', claims: { sub: 'bob' } }
const pools: pg.Pool[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  sql = createPool(database.url, 4)
  everybody = { role: database.reader, claims: {} }
  await sql.query(`create table item (id int primary key, name text); select event.track('item')`)
})
afterAll(async () => {
  await sql.end()
  await database[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await sql.query('truncate event.session cascade; truncate event.server')
})
afterEach(async () => void (await Promise.all(pools.splice(0).map((pool) => pool.end()))))

/** The store of another server, with connections of its own. */
function server(options?: SessionOptions): SessionStore {
  const pool = createEncodingPool(database.serverUrl, 4)
  pools.push(pool)
  return new SessionStore(pool, options)
}

function follow(...subscriptions: Subscription[]): Promise<Definition[]> {
  return Promise.all(
    subscriptions.map((subscription) => define(pools[0] as pg.Pool, subscription, everybody)),
  )
}

function row(id: number): Subscription {
  return { kind: 'row', relation: 'item', key: [id] }
}

async function rows(text: string, ...values: unknown[]): Promise<any[]> {
  return (await sql.query(text, values)).rows
}

/** The keys of the rows that a session follows. */
async function followed({ id }: SessionKey): Promise<string[]> {
  const found = await rows('select key from event.subscription where session_id = $1 order by key', id)
  return found.map(({ key }) => key)
}

/** As if a server had been killed two minutes ago. */
function killed(): Promise<unknown> {
  return sql.query(`update event.server set seen_at = now() - interval '2 min'`)
}

function notFound() {
  return expect.objectContaining({ code: 'session_not_found' })
}

describe('opening', () => {
  test('N15 E-14 E-16 what is not there, ended, expired, malformed or somebody else’s gives one and the same answer', async () => {
    const store = server()
    const [mine, expired, ended] = [await store.create(ann), await store.create(ann), await store.create(ann)]
    await sql.query(`update event.session set expires_at = now() - interval '1 s' where id = $1`, [
      expired.id,
    ])
    await new Sessions(sql).end(ended.id)
    const [{ id: inSql }] = await rows('select event.session_create() as id')
    const attempts: [SessionKey, Identity][] = [
      [{ ...mine, token: 'x' }, ann],
      [{ ...mine, token: '' }, ann],
      [mine, bob],
      [mine, { ...ann, role: 'other' }],
      [mine, { ...ann, claims: {} }],
      [expired, ann],
      [ended, ann],
      [
        { id: inSql, token: '' },
        { role: everybody.role, claims: {} },
      ],
      [{ ...mine, id: '00000000-0000-4000-8000-000000000000' }, ann],
      [{ ...mine, id: 'nonsense' }, ann],
      [{ ...mine, id: mine.id.toUpperCase() + ' ' }, ann],
    ]
    for (const [key, identity] of attempts) {
      const error = await store.open(key, identity).then(
        () => undefined,
        (reason: unknown) => reason as Error & { code: string },
      )
      expect({ code: error?.code, message: error?.message.replace(key.id, '…') }).toEqual({
        code: 'session_not_found',
        message: 'there is no session … for this client: attach without one',
      })
    }
    await expect(store.open(mine, ann)).resolves.toMatchObject({ subscriptions: [] })
  })

  test('E-17 it says what the session has acknowledged and since when it follows what', async () => {
    const store = server()
    const key = await store.create(ann)
    const first = await store.open(key, ann)
    const [{ epoch }] = await rows('select event.epoch() as epoch')
    expect(first.position).toEqual({ epoch, snapshot: expect.stringMatching(/^\d+:\d+:/) })

    await store.attach(key.id, await follow(row(1)))
    await sql.query('insert into item values (1)')
    await store.addSubscriptions(key.id, await follow({ kind: 'table', relation: 'item', limit: 3 }))
    const [{ snapshot }] = await rows('select pg_current_snapshot()::text as snapshot')
    await store.acknowledge(key.id, { epoch, snapshot })
    const { position, subscriptions } = await server().open(key, ann, { withSubscriptions: true })
    expect(position).toEqual({ epoch, snapshot })
    expect(subscriptions.map(({ subscription }) => subscription)).toEqual([
      { kind: 'table', relation: 'public.item', orderBy: [{ column: 'id', direction: 'asc' }], limit: 3 },
      { kind: 'row', relation: 'public.item', key: [1] },
    ])
    const [late, early] = subscriptions
    const [{ is_later }] = await rows(
      'select pg_snapshot_xmax($1) > pg_snapshot_xmax($2) as is_later',
      late?.since,
      early?.since,
    )
    expect(is_later).toBe(true)
  })

  test('many at once, of many sessions, each get their own', async () => {
    const store = server()
    const keys = await Promise.all(Array.from({ length: 600 }, () => store.create(everybody)))
    const definitions = new Definitions(pools[0] as pg.Pool)
    await Promise.all(
      keys.map(async ({ id }, i) => store.attach(id, [await definitions.define(row(i), everybody)])),
    )
    const opened = await Promise.all(
      keys.map((key, i) =>
        store.open(key, i % 3 ? everybody : bob, { withSubscriptions: true }).catch(() => null),
      ),
    )
    expect(opened.map((session) => session?.subscriptions.map(({ subscription }) => subscription))).toEqual(
      keys.map((_, i) => (i % 3 ? [{ kind: 'row', relation: 'public.item', key: [i] }] : undefined)),
    )
  })
})

describe('attaching', () => {
  test('E-28 a session follows exactly what is wanted, each once; what stays keeps its beginning and is not written', async () => {
    const store = server()
    const key = await store.create(ann)
    await store.attach(key.id, await follow(row(1), row(2), row(2)))
    store.detach(key.id)
    const written = () =>
      rows('select id, since::text, xmin, ctid from event.subscription where key = $1', '[2]')
    const before = await written()
    const session = () => rows('select xmin, ctid from event.session')
    await sql.query('insert into item values (100)')
    await store.attach(key.id, await follow(row(2), row(3)))
    expect(await followed(key)).toEqual(['[2]', '[3]'])
    expect(await written()).toEqual(before)

    const unchanged = await session()
    store.detach(key.id)
    await store.attach(key.id, await follow(row(2), row(3)))
    expect(await session()).toEqual(unchanged)
  })

  test('E-13 E-22 what another connection follows is the session’s as well, at this server and at another', async () => {
    const [here, there] = [server(), server()]
    const key = await here.create(ann)
    await here.attach(key.id, await follow(row(1)))
    await here.attach(key.id, await follow(row(2)))
    await there.attach(key.id, await follow(row(3)))
    expect(await followed(key)).toEqual(['[1]', '[2]', '[3]'])

    // Neither ends what the other may follow.
    const [{ id }] = (await follow(row(1))) as [Definition]
    await there.deleteSubscription(key.id, id)
    expect(await followed(key)).toContain('[1]')

    here.detach(key.id)
    here.detach(key.id)
    await expect.poll(() => rows('select from event.server_session')).toHaveLength(1)
    await there.deleteSubscription(key.id, id)
    expect(await followed(key)).toEqual(['[2]', '[3]'])
    there.detach(key.id)
    await expect.poll(() => rows('select from event.server_session')).toEqual([])
    await there.attach(key.id, await follow(row(4)))
    expect(await followed(key)).toEqual(['[4]'])
  })

  test('two servers that attach one session at the same moment lose nothing of either', async () => {
    const store = server()
    const key = await store.create(ann)
    await store.attach(key.id, await follow(row(1), row(2)))
    store.detach(key.id)
    await store.leave()
    const other = await database.connect()
    await other.query('begin')
    const [one] = await follow(row(1))
    const wanted = [
      { session_id: key.id, id: one?.id, kind: 'row', relation_id: one?.relation.id, key: '[1]' },
    ]
    await other.query(`select event.attach_sessions(gen_random_uuid(), $1, $2, '30 days')`, [
      JSON.stringify([{ id: key.id, is_alone: true }]),
      JSON.stringify(wanted),
    ])
    const attaching = store.attach(key.id, await follow(row(2)))
    await Promise.race([attaching, sleep(200)]) // it waits for the other
    await other.query('commit')
    await attaching
    expect(await followed(key)).toEqual(['[1]', '[2]'])
  })

  test('a server that was killed holds nothing for longer than a minute and a half, and a frozen one takes it up again', async () => {
    const [dead, here] = [server(), server()]
    const key = await dead.create(ann)
    await dead.attach(key.id, await follow(row(1)))
    await killed()
    await here.attach(key.id, await follow(row(2)))
    expect(await followed(key)).toEqual(['[2]'])
    await here.renew()
    await here.clearUp()
    expect(await rows('select from event.server')).toHaveLength(1)
    expect(await rows('select from event.server_session')).toHaveLength(1)
    await dead.renew()
    expect(await rows('select from event.server_session')).toHaveLength(2)
    await dead.leave()
    expect(await rows('select from event.server_session')).toHaveLength(1)
  })

  test('a session that has been ended is attached by nobody, and nothing of it is left behind', async () => {
    const store = server()
    const key = await store.create(ann)
    await store.attach(key.id, await follow(row(1)))
    await new Sessions(sql).end(key.id)
    const wanted = await follow(row(2))
    await expect(store.attach(key.id, wanted)).rejects.toEqual(notFound())
    await expect(store.addSubscriptions(key.id, wanted)).rejects.toEqual(notFound())
    await store.acknowledge(key.id, { epoch: 'x', snapshot: '1:1:' })
    await store.deleteSubscription(key.id, 'x')
    expect(await rows('select from event.subscription')).toEqual([])
    expect(await rows('select from event.server_session')).toEqual([])
    expect((await store.renew()).ended).toEqual([key.id])
  })

  test('ending races with attaching, following and renewing: clean errors, nothing left behind', async () => {
    const stores = [server(), server()]
    const wanted = await follow(row(1), row(2), row(3))
    const keys = await Promise.all(Array.from({ length: 60 }, () => stores[0]!.create(everybody)))
    const sessions = new Sessions(sql)
    const failures: unknown[] = []
    const collect = (error: unknown) => void failures.push(error)
    await Promise.all([
      ...stores.flatMap((store) => [
        ...keys.map(async ({ id }, i) => {
          await store.attach(id, wanted).catch(collect)
          await sleep(i % 7)
          await store.addSubscriptions(id, wanted).catch(collect)
        }),
        ...Array.from({ length: 10 }, () => store.renew().catch(collect)),
      ]),
      ...keys.map(async ({ id }, i) => {
        await sleep(i % 11)
        await sessions.end(id)
      }),
      ...Array.from({ length: 5 }, () => stores[0]!.clearUp()),
    ])
    for (const failure of failures) expect(failure).toEqual(notFound())
    for (const table of ['session', 'subscription', 'server_session'])
      expect(await rows(`select from event.${table}`)).toEqual([])
    for (const store of stores) expect((await store.renew()).ended.length).toBeLessThanOrEqual(keys.length)
  })
})

describe('acknowledging', () => {
  test('E-19 it goes forward only, whoever says it, and not beyond what there is', async () => {
    const store = server()
    const key = await store.create(ann)
    const [{ epoch }] = await rows('select event.epoch() as epoch')
    const position = async () => (await store.open(key, ann)).position?.snapshot
    const [{ early }] = await rows('select pg_current_snapshot()::text as early')
    await sql.query('insert into item values (201)')
    const [{ late }] = await rows('select pg_current_snapshot()::text as late')
    await Promise.all([late, early].map((snapshot) => store.acknowledge(key.id, { epoch, snapshot })))
    expect(await position()).toBe(late)
    await store.acknowledge(key.id, { epoch, snapshot: early })
    await store.acknowledge(key.id, { epoch, snapshot: '9999999999:9999999999:' })
    await store.acknowledge(key.id, { epoch: 'another', snapshot: early })
    expect(await position()).toBe(late)
  })
})

describe('expiry', () => {
  const day = 24 * 60 * 60 * 1000

  async function expiresInDays({ id }: SessionKey): Promise<number> {
    const [found] = await rows(
      `select extract(epoch from expires_at - now())::float8 / 86400 as days from event.session where id = $1`,
      id,
    )
    return Math.round(found.days)
  }

  function age(days: number): Promise<unknown> {
    return sql.query(`update event.session set expires_at = expires_at - $1 * interval '1 day',
      last_seen_at = last_seen_at - $1 * interval '1 day'`, [days]) // prettier-ignore
  }

  test('it is 30 days after the last attach, acknowledgement or renewal, and written where it is due', async () => {
    const store = server()
    const key = await store.create(ann)
    expect(await expiresInDays(key)).toBe(30)
    await age(10)
    expect(await expiresInDays(key)).toBe(20)
    await store.attach(key.id, [])
    expect(await expiresInDays(key)).toBe(30)
    await age(10)
    const [{ epoch, snapshot }] = await rows(
      'select event.epoch() as epoch, pg_current_snapshot()::text as snapshot',
    )
    await store.acknowledge(key.id, { epoch, snapshot })
    expect(await expiresInDays(key)).toBe(30)
    await age(10)
    await store.renew()
    expect(await expiresInDays(key)).toBe(30)
    const version = () => rows('select xmin, xmax, ctid from event.session')
    const before = await version()
    await store.renew()
    expect(await version()).toEqual(before)
  })

  test('an expired session is forgotten with all of it; one that is attached does not expire, whatever the clock did', async () => {
    const store = server({ expireAfterMs: 2 * day })
    const [used, unused] = [await store.create(ann), await store.create(ann)]
    expect(await expiresInDays(used)).toBe(2)
    await store.attach(unused.id, await follow(row(1)))
    store.detach(unused.id)
    await store.attach(used.id, await follow(row(1)))
    await age(10)
    await expect(store.open(unused, ann)).rejects.toEqual(notFound())
    await expect(store.attach(unused.id, [])).rejects.toEqual(notFound())
    await expect.poll(() => rows('select from event.server_session')).toHaveLength(1)
    await store.clearUp()
    expect(await rows('select id from event.session')).toEqual([{ id: used.id }])
    expect(await rows('select session_id as id from event.subscription')).toEqual([{ id: used.id }])
    expect((await store.renew()).ended).toEqual([])
    expect(await expiresInDays(used)).toBe(2)
    await store.open(used, ann)
  })

  test('it may be never, and another setting takes hold when a session is used', async () => {
    const forever = server({ expireAfterMs: Infinity })
    const key = await forever.create(ann)
    expect(await rows('select expires_at from event.session')).toEqual([{ expires_at: null }])
    const store = server()
    await store.attach(key.id, [])
    expect(await expiresInDays(key)).toBe(30)
    await forever.attach(key.id, [])
    expect(await rows('select expires_at from event.session')).toEqual([{ expires_at: null }])
  })
})

test('options that make no sense are refused', () => {
  for (const options of [
    { expireAfterMs: 0 },
    { expireAfterMs: NaN },
    { maxPerIdentity: 0 },
    { maxPerRole: -1 },
  ])
    expect(() => server(options), JSON.stringify(options)).toThrow(/^sessions\./)
})

describe('the limit of an identity', () => {
  test('at it, the session that has not been seen for longest goes, if nobody has it attached', async () => {
    const store = server({ maxPerIdentity: 3 })
    const keys = [await store.create(ann), await store.create(ann), await store.create(ann)] as const
    const others = [
      await store.create(bob),
      await store.create({ role: 'other_role', claims: { sub: 'ann' } }),
    ]
    for (const [i, { id }] of [...keys, ...others].entries())
      await sql.query(
        `update event.session set last_seen_at = now() - $2 * interval '1 hour' where id = $1`,
        [id, 9 - i],
      )
    await server().attach(keys[0].id, [])
    const fourth = await store.create(ann)
    const ids = (await rows('select id from event.session')).map(({ id }) => id)
    expect(ids.sort()).toEqual([keys[0], keys[2], fourth, ...others].map(({ id }) => id).sort())
  })

  test('if all are attached, one more is refused with what to do; after one is closed it is not', async () => {
    const store = server({ maxPerIdentity: 2 })
    const keys = [await store.create(ann), await store.create(ann)] as const
    for (const { id } of keys) await store.attach(id, [])
    await expect(store.create(ann)).rejects.toMatchObject({
      code: 'session_limit',
      message:
        'user ann of role app_user has 2 sessions (sessions.maxPerIdentity), and all are in use: close one',
    })
    await store.create(bob)
    store.detach(keys[1].id)
    await expect.poll(() => rows('select from event.server_session')).toHaveLength(1)
    await store.create(ann)
    await store.open(keys[0], ann)
    await expect(store.open(keys[1], ann)).rejects.toEqual(notFound())
    await killed()
    await store.create(ann)
  })

  test('who has no sub is everybody of the role, and is limited only if that is asked for', async () => {
    const anybody = { role: 'app_user', claims: {} }
    const free = server({ maxPerIdentity: 2 })
    for (let i = 0; i < 5; i++) await free.create(anybody)
    expect(await rows('select from event.session')).toHaveLength(5)
    await server({ maxPerRole: 3 }).create(anybody)
    expect(await rows('select from event.session')).toHaveLength(3)
    await free.create({ role: 'app_user', claims: { sub: '' } })
    expect(await rows('select from event.session')).toHaveLength(4)
    const store = server({ maxPerRole: 1 })
    await store.attach((await store.create(anybody)).id, [])
    await expect(store.create(anybody)).rejects.toMatchObject({
      code: 'session_limit',
      message: 'role app_user has 1 sessions (sessions.maxPerRole), and all are in use: close one',
    })
  })

  test('many that are created at once, at several servers, never exceed it', async () => {
    const stores = Array.from({ length: 4 }, () => server({ maxPerIdentity: 5 }))
    const users = ['ann', 'bob', 'cleo'].map((sub) => ({ role: 'app_user', claims: { sub } }))
    let highest = 0
    let isDone = false
    const watching = (async () => {
      while (!isDone) {
        const counts = await rows('select count(*)::int as n from event.session group by subject')
        highest = Math.max(highest, ...counts.map(({ n }) => n))
      }
    })()
    await Promise.all(
      stores.flatMap((store) =>
        Array.from({ length: 30 }, async (_, i) => {
          await sleep(i % 5)
          await Promise.all(users.map((user) => store.create(user).catch(() => undefined)))
        }),
      ),
    )
    isDone = true
    await watching
    expect(highest).toBe(5)
    expect(
      await rows('select subject, count(*)::int as n from event.session group by subject order by 1'),
    ).toEqual(users.map(({ claims: { sub } }) => ({ subject: sub, n: 5 })))
  })

  test('one identity does not wait for another', async () => {
    const other = await database.connect()
    await other.query('begin')
    await other.query(`select event.create_sessions($1, null)`, [
      JSON.stringify([
        {
          id: crypto.randomUUID(),
          owner: 'app_user',
          subject: 'ann',
          claims: {},
          token_hash: '00',
          at_most: 9,
        },
      ]),
    ])
    await server().create(bob)
    let isCreated = false
    const creating = server()
      .create(ann)
      .then(() => (isCreated = true))
    await server().create(bob)
    expect(isCreated).toBe(false)
    await other.query('commit')
    await creating
  })
})
