import { describe, expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { TcpProxy } from '../../test/tcp-proxy.ts'
import { isOutage, isRefusal } from './failures.ts'
import { connectEncoding, createEncodingPool } from './pool.ts'

/** A database, and a way to it that can be broken. */
async function connected() {
  const database = await createTestDatabase()
  const { proxy, url } = await TcpProxy.before(database.url)
  return {
    proxy,
    url,
    async [Symbol.asyncDispose]() {
      await proxy.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.unreachable('it has not failed'),
    (error: unknown) => error,
  )
}

describe.concurrent('a connection that falls silent', () => {
  test('fails its query, when the database is to be reached by another', async () => {
    await using at = await connected()
    const client = await connectEncoding(at.url)
    at.proxy.strand()
    const error = await errorOf(client.query('select 1'))
    expect(error).toMatchObject({ code: 'ETIMEDOUT' })
    expect([isOutage(error), isRefusal(error)]).toEqual([true, false])
    const again = await connectEncoding(at.url)
    await again.query('select 1')
    await again.end()
  })

  test('fails its query, when the whole network is silent', async () => {
    await using at = await connected()
    const client = await connectEncoding(at.url)
    at.proxy.setMode('half-open')
    expect(await errorOf(client.query('select 1'))).toMatchObject({ code: 'ETIMEDOUT' })
    expect(isOutage(await errorOf(connectEncoding(at.url)))).toBe(true)
  })

  test('fails its query in the middle of a large answer', async () => {
    await using at = await connected()
    const client = await connectEncoding(at.url)
    const answer = errorOf(client.query(`select repeat('x', 1000000) from generate_series(1, 200)`))
    at.proxy.strand()
    expect(await answer).toMatchObject({ code: 'ETIMEDOUT' })
  })

  test('is replaced in a pool', async () => {
    await using at = await connected()
    const pool = createEncodingPool(at.url, 1)
    pool.on('error', () => undefined)
    await pool.query('select 1')
    at.proxy.strand()
    expect(isOutage(await errorOf(pool.query('select 1')))).toBe(true)
    expect((await pool.query(`select current_setting('timezone') as zone`)).rows).toEqual([{ zone: 'UTC' }])
    await pool.end()
  })

  test('can be ended', async () => {
    await using at = await connected()
    const client = await connectEncoding(at.url)
    at.proxy.strand()
    await client.end()
  })
})

test.concurrent('a query that takes long is waited for', async () => {
  await using at = await connected()
  const client = await connectEncoding(at.url)
  const { rows } = await client.query(`select pg_sleep(13), 'done' as state`)
  expect(rows[0].state).toBe('done')
  await client.end()
})

test.concurrent('who freezes in the middle of a transaction does not hold it open for ever', async () => {
  await using at = await connected()
  const client = await connectEncoding(at.url)
  const { rows } = await client.query('show idle_in_transaction_session_timeout')
  expect(rows).toEqual([{ idle_in_transaction_session_timeout: '1min' }])
  await client.query(`set idle_in_transaction_session_timeout = 20`)
  await client.query('begin')
  await new Promise((resolve) => client.once('end', resolve))
  expect(isOutage({ code: '25P03' })).toBe(true)
})
