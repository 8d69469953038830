/**
 * What it takes to come back, all at once: `npx tsx bench/reconnect.ts [--clients 5000] [--changes 1000] [--json]`.
 *
 * Clients follow a table of 100 rows, one of 100 ordered lists of 50 rows, and a row each; their server is killed; rows
 * change; another server starts, and all come back to it at once, without the jitter that real clients have. Server, clients and PostgreSQL
 * are processes of their own. The database's work is counted in transactions: nearly all of a server's queries
 * are one each.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { performance } from 'node:perf_hooks'
import pg from 'pg'
import { pino } from 'pino'
import { io, type Socket } from 'socket.io-client'
import { migrate } from '../server/db/migrate.ts'
import { createRowcast } from '../server/index.ts'
import { defaultPath, protocolVersion, type Attached, type Reply } from '../shared/protocol.ts'
import type { Subscription } from '../shared/subscription.ts'
import { startOwnPostgres } from '../test/own-postgres.ts'

const self = fileURLToPath(import.meta.url)
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '5000' },
    changes: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
    role: { type: 'string' },
    database: { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
  },
})
const clientCount = Number(values.clients)
const changeCount = Number(values.changes)

if (values.role === 'server') await serve()
else if (values.role === 'clients') await connectClients()
else await measure()

async function serve(): Promise<void> {
  const httpServer = createServer()
  await createRowcast({
    database: values.database,
    httpServer,
    authenticate: ({ auth }) => ({ role: 'postgres', claims: { sub: String(auth['sub']) } }),
    logger: pino({ level: 'warn' }, pino.destination(2)),
  })
  httpServer.listen(Number(values.port), '127.0.0.1', 10_000)
  await once(httpServer, 'listening')
  process.send?.('ready')
}

interface Client {
  readonly id: number
  socket: Socket
  session?: { readonly id: string; readonly token: string }
  position?: string
  readonly shapes: Map<string, string>
  readonly names: string[]
}

function subscriptionsOf(id: number): Subscription[] {
  return [
    { kind: 'table', relation: 'team' },
    {
      kind: 'table',
      relation: 'item',
      where: { column: 'team', op: 'eq', value: id % 100 },
      orderBy: [{ column: 'score', direction: 'desc' }],
      limit: 50,
    },
    { kind: 'row', relation: 'item', key: [(id % 10_000) + 1] },
  ]
}

async function connectClients(): Promise<void> {
  const clients: Client[] = []
  const connect = async (client: Client): Promise<void> => {
    const socket = io(`http://127.0.0.1:${values.port}`, {
      path: defaultPath,
      transports: ['websocket'],
      reconnection: false,
      timeout: 120_000,
      forceNew: true,
      auth: { sub: client.id },
    })
    client.socket = socket
    socket.on('snapshot', (message: { subscription: string; shape: string }) =>
      client.shapes.set(message.subscription, message.shape),
    )
    socket.on('batch', (message: { to: string }) => (client.position = message.to))
    const live = new Promise<void>((resolve) =>
      socket.on('progress', (message: { to: string }) => {
        client.position = message.to
        resolve()
      }),
    )
    await new Promise<void>((resolve, reject) => {
      socket.on('connect', resolve)
      socket.on('connect_error', reject)
    })
    const reply = (await socket.emitWithAck('attach', {
      protocol: protocolVersion,
      ...(client.session && { session: client.session, position: client.position }),
      subscriptions: subscriptionsOf(client.id).map((subscription, i) => {
        const held = client.shapes.get(client.names[i] ?? '')
        return { subscription, ...(held !== undefined && { held }) }
      }),
    })) as Reply<Attached>
    if (!reply.ok) throw new Error(reply.message)
    client.session = reply.value.session
    client.names.splice(
      0,
      3,
      ...reply.value.subscriptions.map((answer) => (answer.ok ? answer.value.id : '')),
    )
    await live
  }
  process.on('message', (message) => {
    if (message === 'start') void start()
    if (message === 'return') void comeBack()
  })
  async function start(): Promise<void> {
    for (let id = 0; id < clientCount; id += 250) {
      const some = Array.from({ length: Math.min(250, clientCount - id) }, (_, i): Client => ({
        id: id + i,
        socket: undefined as never,
        shapes: new Map(),
        names: [],
      }))
      clients.push(...some)
      await Promise.all(some.map(connect))
    }
    process.send?.('live')
  }
  async function comeBack(): Promise<void> {
    const startedAt = performance.now()
    const times: number[] = []
    await Promise.all(
      clients.map(async (client) => {
        client.socket.disconnect()
        await connect(client)
        times.push(performance.now() - startedAt)
      }),
    )
    times.sort((a, b) => a - b)
    process.send?.({ p50: times[times.length >> 1], all: times.at(-1) })
  }
  process.send?.('ready')
}

async function measure(): Promise<void> {
  await using postgres = await startOwnPostgres({ settings: { max_connections: '100' } })
  const admin = new pg.Client(postgres.url)
  await admin.connect()
  await migrate(admin)
  await admin.query(`create table item (id int primary key, team int, score int, text text);
    create table team (id int primary key, name text);
    insert into team select n, 'team ' || n from generate_series(0, 99) as n;
    insert into item select n, n % 100, n, repeat('x', 50) from generate_series(1, 10000) as n;
    select event.track('item'); select event.track('team')`)
  const port = await freePortNumber()
  const start = async (role: string): Promise<ChildProcess> => {
    const args = ['--role', role, '--port', String(port), '--database', postgres.url]
    const child = fork(self, [...args, '--clients', String(clientCount)], { execArgv: ['--import', 'tsx'] })
    await said(child, 'ready')
    return child
  }
  const [first, clients] = [await start('server'), await start('clients')]
  clients.send('start')
  await said(clients, 'live')
  first.kill('SIGKILL')
  await once(first, 'exit')
  for (let i = 0; i < changeCount; i++)
    await admin.query('update item set score = score + 1 where id = $1', [(i % 10_000) + 1])
  const second = await start('server')
  const before = await transactions(admin)
  let peakMegabytes = 0
  const watch = setInterval(
    () => void residentMegabytes(second).then((mb) => (peakMegabytes = Math.max(mb, peakMegabytes))),
    50,
  )
  clients.send('return')
  const { p50, all } = (await once(clients, 'message'))[0] as { p50: number; all: number }
  clearInterval(watch)
  await new Promise((resolve) => setTimeout(resolve, 1_500)) // PostgreSQL's statistics are a second late
  const queries = (await transactions(admin)) - before
  for (const child of [second, clients]) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await admin.end()
  const figures = [
    { name: 'all live again', value: Math.round(all), unit: 'ms', target: '<= 5000', met: all <= 5_000 },
    { name: 'half of them live again', value: Math.round(p50), unit: 'ms' },
    { name: 'transactions in the database', value: queries, unit: '' },
    { name: 'transactions per client', value: Number((queries / clientCount).toFixed(2)), unit: '' },
    { name: 'memory of the server, at most', value: Math.round(peakMegabytes), unit: 'MB' },
  ]
  if (values.json)
    console.log(JSON.stringify({ name: 'reconnect', clients: clientCount, changes: changeCount, figures }))
  else
    for (const { name, value, unit, target = '' } of figures)
      console.log(`${name.padEnd(32)}${String(value).padStart(8)} ${unit.padEnd(4)}${target}`)
  process.exitCode = figures.every(({ met = true }) => met) ? 0 : 1
}

async function said(child: ChildProcess, word: string): Promise<void> {
  const [message] = (await once(child, 'message')) as [unknown]
  if (message !== word) throw new Error(`a process said ${String(message)} instead of ${word}`)
}

async function transactions(admin: pg.Client): Promise<number> {
  const { rows } = await admin.query(
    `select (xact_commit + xact_rollback)::int as count from pg_stat_database where datname = current_database()`,
  )
  return rows[0].count as number
}

async function residentMegabytes({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
}

async function freePortNumber(): Promise<number> {
  const { freePort } = await import('../server/embedded/free-port.ts')
  return freePort()
}
