import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { expect, test, vi } from 'vitest'
import { createClient, type Client, type ClientOptions, type Followed } from '../../../client/core/index.ts'
import { createTestDatabase } from '../../../test/database.ts'
import { runRowcast, startRowcast } from '../../../test/rowcast-process.ts'
import { temporaryFolder } from '../../../test/temporary-folder.ts'

const config = `export default {
  authenticate: () => ({ role: 'postgres', claims: {} }),
  setup: (client) => client.query("insert into setup values (pg_backend_pid())"),
}`

async function startWorkers(...args: string[]) {
  const database = await createTestDatabase()
  const project = await temporaryFolder({ 'rowcast.config.mjs': config })
  const sql = await database.connect()
  await sql.query(
    `create table setup (pid int); create table entry (id int primary key); select event.track('entry')`,
  )
  const rowcast = startRowcast(['serve', '--port', '0', '--workers', '2', ...args], {
    cwd: project.path,
    env: { DATABASE_URL: database.url },
  })
  const clients: Client[] = []
  const [, url = ''] = await rowcast.until(/listening on (\S+)\//)
  return {
    rowcast,
    sql,
    url,
    follow(options: Partial<ClientOptions> = {}) {
      const client = createClient({ url, session: 'page', retryDelayMs: 50, ...options })
      clients.push(client)
      const rows: Followed<readonly { id: number }[]> = client.follow({ kind: 'table', relation: 'entry' })
      rows.subscribe(() => undefined)
      return { client, shown: () => (rows.getSnapshot().data ?? []).map(({ id }) => id) }
    },
    /** Of both workers: which processes they are. */
    pids: () =>
      [...rowcast.output.matchAll(/"pid":(\d+).*"worker":(\d+).*reading the change log/g)].map(([, pid]) =>
        Number(pid),
      ),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close()
      await rowcast[Symbol.asyncDispose]()
      await project[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function insert(sql: pg.Client, from: number, to: number): Promise<number[]> {
  await sql.query('insert into entry select generate_series($1::int, $2::int)', [from, to])
  return Array.from({ length: to }, (_, i) => i + 1)
}

test('clients of all workers get every change, and one that is killed is replaced', async () => {
  await using workers = await startWorkers()
  const { rowcast, sql, url, pids } = workers
  expect((await sql.query('select from setup')).rowCount).toBe(1)
  const followers = Array.from({ length: 6 }, () => workers.follow())
  await vi.waitFor(async () => expect(await healthOf(url)).toMatchObject({ connections: 6 }), 10_000)
  expect(await healthOf(url)).toMatchObject({ status: 'ok', workers: 2, sessions: 6 })
  const written = await insert(sql, 1, 10)
  for (const { shown } of followers) await vi.waitFor(() => expect(shown()).toEqual(written), 5_000)

  const [victim = 0, survivor = 0] = pids()
  const statuses = new Set<string>()
  for (const { client } of followers)
    client.store.subscribe(({ connection }) => statuses.add(connection.status))
  process.kill(victim, 'SIGKILL')
  await rowcast.until(/"signal":"SIGKILL".*a worker has ended; starting another/)
  const more = await insert(sql, 11, 20)
  for (const { shown } of followers) await vi.waitFor(() => expect(shown()).toEqual(more), 15_000)
  expect(statuses).toContain('reconnecting')
  await rowcast.until(/the worker has been replaced/)
  await vi.waitFor(
    async () => expect(await healthOf(url)).toMatchObject({ workers: 2, connections: 6 }),
    10_000,
  )
  expect(pids()).toHaveLength(3)
  expect(pids()).toContain(survivor)
})

test('clients that can only poll stay with their worker, and so does one that goes over to a WebSocket', async () => {
  await using workers = await startWorkers()
  const pollers = Array.from({ length: 4 }, () => workers.follow({ transports: ['polling'] }))
  const both = Array.from({ length: 4 }, () => workers.follow({ transports: ['polling', 'websocket'] }))
  let written: number[] = []
  for (let id = 1; id <= 10; id++) {
    written = await insert(workers.sql, id, id)
    await sleep(50)
  }
  for (const { client, shown } of [...pollers, ...both]) {
    await vi.waitFor(() => expect(shown()).toEqual(written), 10_000)
    expect(client.store.getState().connection.status).toBe('live')
  }
  expect(await healthOf(workers.url)).toMatchObject({ connections: 8 })
})

test('on SIGTERM all workers send their clients away, and end', async () => {
  await using workers = await startWorkers('--drain', '2')
  const { rowcast, url } = workers
  const { client } = workers.follow()
  await vi.waitFor(() => expect(client.store.getState().connection.status).toBe('live'), 10_000)
  const statuses = new Set<string>()
  client.store.subscribe(({ connection }) => statuses.add(connection.status))

  rowcast.child.kill('SIGTERM')
  await vi.waitFor(async () => expect(await healthOf(url)).toMatchObject({ status: 'draining' }), 5_000)
  expect(await rowcast.exitCode()).toBe(0)
  expect(statuses).toContain('reconnecting')
  expect(rowcast.output.match(/"worker":\d.*"closed"/g)).toHaveLength(2)
  for (const pid of workers.pids()) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

test('Ctrl-C, which reaches every process in the terminal, ends all in good order', async () => {
  await using workers = await startWorkers()
  process.kill(-(workers.rowcast.child.pid ?? 0), 'SIGINT')
  expect(await workers.rowcast.exitCode()).toBe(0)
  expect(workers.rowcast.output).not.toContain('starting another')
})

test('the figures are those of all workers together', async () => {
  await using workers = await startWorkers('--metrics-port', '0')
  const [, metrics = ''] = await workers.rowcast.until(/metrics on (\S+)/)
  for (let i = 0; i < 4; i++) workers.follow()
  await vi.waitFor(async () => {
    const text = await fetch(metrics).then((answer) => answer.text())
    expect(text).toMatch(/^rowcast_connections 4$/m)
    expect(text).toMatch(/^process_cpu_seconds_total /m)
  }, 10_000)
})

test.for(['0', '1.5', 'many', '-2'])('--workers %s is refused, with what it takes', async (workers) => {
  const { code, output } = await runRowcast(['serve', '--workers', workers])
  expect(code).toBe(2)
  expect(output).toContain(`--workers ${workers}: a number of processes, from 1 to 256, or auto`)
})

test('a worker that cannot start says why, and nothing is left running', async () => {
  await using database = await createTestDatabase()
  await using project = await temporaryFolder({
    'rowcast.config.mjs': `import cluster from 'node:cluster'
      if (cluster.isWorker) throw new Error('no worker of mine')
      ${config.replace('insert into setup values (pg_backend_pid())', 'select 1')}`,
  })
  const { code, output } = await runRowcast(['serve', '--port', '0', '--workers', '2'], {
    cwd: project.path,
    env: { DATABASE_URL: database.url },
  })
  expect(code).toBe(1)
  expect(output).toContain('no worker of mine')
  expect(output).toMatch(/worker \d could not start/)
})

async function healthOf(url: string): Promise<unknown> {
  return await fetch(`${url}/healthz`).then((answer) => answer.json())
}
