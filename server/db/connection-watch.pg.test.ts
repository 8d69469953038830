import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { TcpProxy } from '../../test/tcp-proxy.ts'
import { ConnectionWatch } from './connection-watch.ts'
import { isOutage } from './failures.ts'
import { connectEncoding, createPool } from './pool.ts'

const options = { logger: pino({ level: 'silent' }), lookMs: 20 }

test('queries on connections that have gone silent fail as in an outage, and new connections are made', async () => {
  await using database = await createTestDatabase()
  const { proxy, url } = await TcpProxy.before(database.url)
  await using _ = proxy
  const watch = new ConnectionWatch({ ...options, database: url })
  watch.start()
  const pool = createPool(watch.database, 2)
  pool.on('error', () => undefined)
  const client = await connectEncoding(watch.database)
  await pool.query('select 1')
  proxy.strand()
  const errors = await Promise.all(
    [client.query('select 1'), pool.query('select 1')].map((query) => query.then(String, (error) => error)),
  )
  expect(errors.map(isOutage)).toEqual([true, true])
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  await watch.close()
  await pool.end()
})

test('a query that takes long is left to it while the database answers others', async () => {
  await using database = await createTestDatabase()
  const watch = new ConnectionWatch({ ...options, database: database.url })
  watch.start()
  const client = await connectEncoding(watch.database)
  const { rows } = await client.query('select 1 as one from pg_sleep(1)')
  expect(rows).toEqual([{ one: 1 }])
  await client.end()
  await watch.close()
})

test('a pause of this process is not taken for silence of the database', async () => {
  await using database = await createTestDatabase()
  const warn = vi.fn()
  const logger = Object.assign(pino({ level: 'silent' }), { warn })
  const watch = new ConnectionWatch({ logger, lookMs: 20, database: database.url })
  watch.start()
  await sleep(50)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
  await sleep(100)
  expect(warn).not.toHaveBeenCalled()
  await watch.close()
})
