import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startOwnPostgres, type OwnPostgres } from './own-postgres.ts'

const numbers = async (postgres: OwnPostgres): Promise<number[]> => {
  const client = await postgres.connect()
  const { rows } = await client.query('select n from t order by n')
  await client.end()
  return rows.map(({ n }) => n)
}

test('a server of a test’s own keeps its address and its rows over every kind of end, and leaves nothing behind', async () => {
  let folder
  {
    await using postgres = await startOwnPostgres({ settings: { max_connections: '20' } })
    folder = postgres.folder
    const { url } = postgres
    let client = await postgres.connect()
    expect((await client.query('show max_connections')).rows).toEqual([{ max_connections: '20' }])
    await client.query('create table t (n int)')
    for (const [n, end] of [
      () => postgres.stop('fast'),
      () => postgres.stop('immediate'),
      () => postgres.kill9(),
    ].entries()) {
      await client.query('insert into t values ($1)', [n])
      await end()
      expect(postgres.isRunning).toBe(false)
      await postgres.start()
      expect(postgres.url).toBe(url)
      client = await postgres.connect()
    }
    expect(await numbers(postgres)).toEqual([0, 1, 2])
  }
  expect(existsSync(folder)).toBe(false)
})

test('a standby follows, lags when told to, and is promoted to what it has', async () => {
  await using postgres = await startOwnPostgres()
  const client = await postgres.connect()
  await client.query('create table t (n int); insert into t values (1)')
  const standby = await postgres.standby()
  await client.query('insert into t values (2)')
  await standby.caughtUp()
  expect(await numbers(standby)).toEqual([1, 2])
  await standby.stopReceiving()
  await client.query('insert into t values (3)')
  await postgres.stop('immediate')
  await standby.promote()
  await (await standby.connect()).query('insert into t values (4)')
  expect(await numbers(standby)).toEqual([1, 2, 4])
})
