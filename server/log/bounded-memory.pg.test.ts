import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { startLogReader } from '../../test/log-reader-process.ts'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const program = fileURLToPath(new URL('../../test/stream-log-child.ts', import.meta.url))
/** Of which the program itself takes half. A heap that is full ends the process. */
const heap = '--max-old-space-size=64'
const count = 120_000

/** One transaction of 120 MB, and a small one. */
async function largeTransaction() {
  const database = await createTestDatabase()
  const writer = await database.connect()
  await writer.query(`create table t (id int primary key, body text); create table u (id int primary key);
    select event.track('t'), event.track('u')`)
  return {
    url: database.url,
    writer,
    write: () =>
      writer.query(`insert into t select i, repeat('x', 1000) from generate_series(1, ${count}) as i`),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
}

test('a transaction of 120 MB is streamed by a process that has a heap of 64 MB', async () => {
  await using at = await largeTransaction()
  const { rows } = await at.writer.query('select pg_current_snapshot()::text as now')
  await at.write()
  const parameters = [heap, '--import', tsx, program, at.url, rows[0].now, '1']
  const { stdout } = await promisify(execFile)(process.execPath, parameters)
  expect(JSON.parse(stdout)).toEqual({ changes: count, transactions: 1 })
})

test('a reader with a heap of 64 MB passes a transaction of 120 MB by, and goes on', async () => {
  await using at = await largeTransaction()
  await using reader = await startLogReader(at.url, [1, 2], [heap])
  await at.write()
  await at.writer.query('insert into u values (7)')
  const deadline = performance.now() + 30_000
  while (reader.changes.length === 0 && performance.now() < deadline) await sleep(10)
  expect(reader.changes.map(({ key }) => key)).toEqual(['[7]'])
  expect(reader.heavy).toEqual([1])
})
