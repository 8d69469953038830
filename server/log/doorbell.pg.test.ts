import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { startLogReader, type LogReaderProcess } from '../../test/log-reader-process.ts'
import { TcpProxy } from '../../test/tcp-proxy.ts'

/** Two readers of one relation, the first by way of a proxy, and somebody who writes and looks on. */
async function twoReaders() {
  const database = await createTestDatabase()
  const writer = await database.connect()
  await writer.query(`create table t (id int primary key); select event.track('t')`)
  const { proxy, url } = await TcpProxy.before(database.serverUrl)
  const first = await startLogReader(`${url}?application_name=first`, [1])
  const second = await startLogReader(`${database.serverUrl}?application_name=second`, [1])
  const written = new Map<string, number>()
  const at = {
    first,
    second,
    proxy,
    async write(): Promise<void> {
      const id = written.size
      await writer.query('insert into t values ($1)', [id])
      written.set(`[${id}]`, performance.now())
    },
    async holder(): Promise<string | undefined> {
      const { rows } = await writer.query(
        'select application_name from pg_stat_activity where pid = (select holder from event.bell_holder())',
      )
      return rows[0]?.application_name
    },
    /** Who gets the bell after a ring is a matter of chance. */
    async untilFirstHolds(): Promise<void> {
      for (let i = 0; (await at.holder()) !== 'first'; i++) {
        if (i % 10 === 0) await at.write()
        await sleep(50)
      }
    },
    /** Writes now and then until the second reader has the bell for good. */
    async untilSecondHolds(): Promise<void> {
      const since = performance.now()
      for (let i = 0; ; i++) {
        if (i % 4 === 0) await at.write()
        await sleep(25)
        if ((await at.holder()) === 'second') return
        if (performance.now() - since > 40_000) throw new Error('the second reader has not taken the bell')
      }
    },
    /** Waits until a reader has been given all that was written: each once, in order. Resolves to the longest delay. */
    async settled({ changes }: LogReaderProcess): Promise<number> {
      const deadline = performance.now() + 20_000
      while (changes.length < written.size && performance.now() < deadline) await sleep(5)
      expect(changes.map(({ key }) => key)).toEqual([...written.keys()])
      return Math.max(...changes.map(({ key, at: seenAt }) => seenAt - (written.get(key) ?? NaN)))
    },
    async [Symbol.asyncDispose]() {
      await first[Symbol.asyncDispose]()
      await second[Symbol.asyncDispose]()
      await proxy.close()
      await database[Symbol.asyncDispose]()
    },
  }
  return at
}

/** Far more than the half second within which a reader looks again whether the bell is held. */
const bound = 5_000

test('of two readers one holds the bell and both are rung, at once', async () => {
  await using at = await twoReaders()
  for (let i = 0; i < 30; i++) {
    await at.write()
    await sleep(100)
  }
  const delays = [await at.settled(at.first), await at.settled(at.second)]
  expect(Math.max(...delays)).toBeLessThan(bound)
})

test('the holder of the bell is killed: the other takes it, and is given everything', async () => {
  await using at = await twoReaders()
  await at.untilFirstHolds()
  at.first.child.kill('SIGKILL')
  await at.untilSecondHolds()
  const delay = await at.settled(at.second)
  expect(delay).toBeLessThan(bound)
})

test('the holder of the bell loses its connection: nobody misses anything', async () => {
  await using at = await twoReaders()
  for (const how of ['cut', 'reset'] as const) {
    await at.untilFirstHolds()
    at.proxy.setMode('refusing')
    at.proxy[how]()
    await at.untilSecondHolds()
    at.proxy.setMode('open')
    const delay = await at.settled(at.second)
    expect(delay).toBeLessThan(bound)
    await at.settled(at.first)
  }
})

test('the holder of the bell freezes: the other is rung, ends its connection, and takes the bell', async () => {
  await using at = await twoReaders()
  await at.untilFirstHolds()
  at.first.child.kill('SIGSTOP')
  await at.untilSecondHolds()
  const delay = await at.settled(at.second)
  expect(delay).toBeLessThan(bound)
  expect(at.second.log).toContainEqual(expect.stringContaining('ended a frozen database connection'))
  at.first.child.kill('SIGCONT')
  await at.settled(at.first)
})

test('the holder of the bell freezes under load: the other, never idle, ends its connection all the same', async () => {
  await using at = await twoReaders()
  await at.untilFirstHolds()
  at.first.child.kill('SIGSTOP')
  const since = performance.now()
  while ((await at.holder()) === 'first') {
    for (let i = 0; i < 50; i++) {
      await at.write()
      await sleep(2) // too short to be idle in; and all of it is to be read in one go, once the first reader goes on
    }
    if (performance.now() - since > 40_000) throw new Error('the first reader still has the bell')
  }
  await at.settled(at.second)
  at.first.child.kill('SIGCONT')
  await at.settled(at.first)
})

test('the network of the holder of the bell falls silent: the other goes on', async () => {
  await using at = await twoReaders()
  await at.untilFirstHolds()
  at.proxy.setMode('half-open')
  await at.untilSecondHolds()
  const delay = await at.settled(at.second)
  expect(delay).toBeLessThan(bound)
  at.proxy.setMode('open')
  await at.settled(at.first)
})
