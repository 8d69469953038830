import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { TcpProxy } from '../../test/tcp-proxy.ts'
import { createPool, type Database } from '../db/pool.ts'
import { SessionEndings } from './session-endings.ts'
import { SessionStore } from './session-store.ts'
import { Sessions } from './sessions.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

/** Listens until it is disposed of, and keeps what it is told. */
function listen(to: Database) {
  const told = { ended: [] as string[], listening: 0, warnings: 0 }
  const logger = pino({ level: 'warn' }, { write: () => void told.warnings++ })
  const endings = new SessionEndings({
    database: to,
    logger,
    onEnd: (session) => told.ended.push(session),
    onListening: () => told.listening++,
  })
  endings.start()
  return Object.assign(told, { [Symbol.asyncDispose]: () => endings.close() })
}

test('the end of a session is told wherever it is brought about; also after the connection has been lost', async () => {
  const pool = createPool(database.serverUrl, 2)
  const sql = await database.connect()
  const store = new SessionStore(pool)
  await using told = listen({ connectionString: database.serverUrl, application_name: 'listens for endings' })
  await expect.poll(() => told.listening).toBe(1)
  const who = { role: 'app_user', claims: { sub: 'ann' } }

  const [byApi, bySql, ofAll] = [await store.create(who), await store.create(who), await store.create(who)]
  await new Sessions(pool).end(byApi.id)
  await sql.query('delete from event.session where id = $1', [bySql.id])
  await expect.poll(() => told.ended).toEqual([byApi.id, bySql.id])

  await sql.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listens for endings'`,
  )
  await expect.poll(() => told.listening, { timeout: 10_000 }).toBe(2)
  expect(told.warnings).toBe(1)
  expect(await new Sessions(pool).endAll({ role: 'app_user', sub: 'ann' })).toBe(1)
  await expect.poll(() => told.ended).toEqual([byApi.id, bySql.id, ofAll.id])
  await pool.end()
})

test('what has no server, or has expired, is not told', async () => {
  const pool = createPool(database.serverUrl, 2)
  const sql = await database.connect()
  const store = new SessionStore(pool)
  await using told = listen(database.serverUrl)
  await expect.poll(() => told.listening).toBe(1)
  const [{ id: inSql }] = (await sql.query('select event.session_create() as id')).rows
  const expired = await store.create({ role: 'app_user', claims: {} })
  await sql.query(`update event.session set expires_at = now() - interval '1 s' where id = $1`, [expired.id])
  await store.clearUp()
  await new Sessions(pool).end(inSql)
  const last = await store.create({ role: 'app_user', claims: {} })
  await new Sessions(pool).end(last.id)
  await expect.poll(() => told.ended).toEqual([last.id])
  expect((await sql.query('select from event.session')).rows).toEqual([])
  await pool.end()
})

test('a connection that has fallen silent is noticed, and made anew', async () => {
  const { proxy, url } = await TcpProxy.before(database.serverUrl)
  await using told = listen(url)
  await expect.poll(() => told.listening).toBe(1)
  proxy.setMode('half-open')
  await expect.poll(() => told.warnings, { timeout: 50_000 }).toBeGreaterThan(0)
  proxy.setMode('open')
  await expect.poll(() => told.listening, { timeout: 50_000 }).toBe(2)
  await told[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
}, 120_000)

test('a database that is not there is tried again, and closing does not wait for it', async () => {
  const told = listen('postgres://127.0.0.1:1/nowhere')
  await expect.poll(() => told.warnings, { timeout: 10_000 }).toBeGreaterThan(1)
  await told[Symbol.asyncDispose]()
  expect(told.listening).toBe(0)
})
