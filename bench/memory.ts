import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Subscription } from '../shared/subscription.ts'
import type { ConnectOptions } from './memory/clients-process.ts'
import { InstalledPackage, InstalledServer } from './memory/installed-server.ts'
import { alternate, median } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { atMost, figure, type Figure } from './suite/report.ts'

const rounds = 4
const fullSessions = 1_000
const subscriptionsEach = 5
/** All filters together show fewer than the 200,000 that a user may be shown. */
const fullShownRows = 35_000
const starts = 3
/** What starting has left to be done is over by then. */
const restMs = 2_000
const restLimitMb = 120
const sessionLimitKb = 40
const subscriptionLimitKb = 1

const table: Subscription = { kind: 'table', relation: 'item' }

/**
 * What a server holds, by the resident memory of its process: that of `rowcast serve` as it is installed. Sessions and
 * subscriptions come some at a time, by turns with sockets of plain Socket.IO, and what each has added is told; garbage is
 * collected before it is looked.
 */
export const memory: Bench = {
  name: 'memory',
  summary: 'resident memory of an installed server: at rest, and for each idle session and subscription',
  async run(context) {
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    context.say('building the package')
    await using installed = await InstalledPackage.build()
    return { postgresql: database.version, figures: await measure(database, processes, installed, context) }
  },
}

async function measure(
  { admin, role, serverUrl }: BenchDatabase,
  processes: Processes,
  { cli }: InstalledPackage,
  { scale, say }: BenchContext,
): Promise<Figure[]> {
  const [sessions, shownRows] = [Math.round(fullSessions * scale), Math.round(fullShownRows * scale)]
  const limit = (limit: number) => (scale === 1 ? limit : null)
  await admin.query(`create table item (id int primary key, channel int, text text);
    create table task (id int generated always as identity primary key, project int);
    grant select on item, task to ${role};
    insert into item select n, n, 'item ' || n from generate_series(1, 100) as n;
    insert into task (project) select project from generate_series(0, ${rounds}) as project, generate_series(1, ${shownRows});
    select event.track('item'); select event.track('task')`)
  const secret = randomBytes(32).toString('hex')
  const env = { DATABASE_URL: serverUrl, ROWCAST_JWT_SECRET: secret, ROWCAST_DEFAULT_ROLE: role }

  say('starting servers')
  const atRest: number[] = []
  for (let start = 0; start < starts; start++) {
    await using server = await InstalledServer.start(cli, env)
    await sleep(restMs)
    atRest.push(await server.rssMb({ collect: false }))
  }

  await using server = await InstalledServer.start(cli, env)
  const plain = processes.start('plain Socket.IO', new URL('memory/plain-server.ts', import.meta.url))
  const plainUrl = `http://127.0.0.1:${await plain.ask<number>('serve')}`
  const clients = processes.start('clients', new URL('memory/clients-process.ts', import.meta.url))
  const rssMb = () => server.rssMb({ collect: true })
  const plainRssMb = async () => (await plain.ask<{ rssMb: number }>('memory', true)).rssMb

  say(`${rounds + 1} filters of ${shownRows} rows`)
  const one = processes.start('one client', new URL('memory/clients-process.ts', import.meta.url))
  await one.ask('connect', {
    url: server.url,
    users: [-1],
    secret,
    subscription: table,
  } satisfies ConnectOptions)
  const shown: number[] = []
  for (let project = 0; project <= rounds; project++) {
    const where = { column: 'project', op: 'eq', value: project } as const
    shown.push(
      await grownKb(rssMb, shownRows, () =>
        one.ask('subscribe', [{ kind: 'table', relation: 'task', where }]),
      ),
    )
  }

  say(`${rounds + 1} times ${sessions} sessions and sockets`)
  const added = await alternate(rounds, {
    session: (round) =>
      grownKb(rssMb, sessions, () =>
        clients.ask('connect', {
          url: server.url,
          users: Array.from({ length: sessions }, (_, i) => round * sessions + i),
          secret,
          subscription: table,
        } satisfies ConnectOptions),
      ),
    socket: () =>
      grownKb(plainRssMb, sessions, () => clients.ask('connectPlain', { url: plainUrl, count: sessions })),
  })
  const all = (rounds + 1) * sessions + 1
  const { sessions: counted } = await server.health()
  if (counted !== all) throw new Error(`the server has ${counted} sessions of ${all}`)

  say(`${rounds + 1} times ${subscriptionsEach} subscriptions more of each`)
  const subscribed: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const some = subscriptionsOf(round)
    await one.ask('subscribe', some) // by now somebody follows them
    subscribed.push(await grownKb(rssMb, (all - 1) * some.length, () => clients.ask('subscribe', some)))
  }
  const heldMb = await rssMb()
  await admin.query(`insert into item values (0, 0, 'news')`)
  const faults = [...(await clients.ask<string[]>('faults')), ...(await one.ask<string[]>('faults'))]
  if (faults.length > 0) throw new Error(faults[0])
  return [
    atMost('at rest, just started', median(atRest), 'MB', limit(restLimitMb)),
    atMost(
      'for each idle session that follows the same table',
      median(added.session),
      'KB',
      limit(sessionLimitKb),
    ),
    figure('plain Socket.IO: for each idle socket', median(added.socket), 'KB'),
    atMost(
      'for each more subscription to something that somebody follows',
      median(subscribed.slice(1)),
      'KB',
      limit(subscriptionLimitKb),
    ),
    figure('for each row that a filter shows, whoever follows it', median(shown.slice(1)), 'KB'),
    figure(
      `all: ${all} sessions, each with ${1 + (rounds + 1) * subscriptionsEach} subscriptions`,
      heldMb,
      'MB',
    ),
  ]
}

/** Rows, fields and filters, other ones each round. */
function subscriptionsOf(round: number): Subscription[] {
  return Array.from({ length: subscriptionsEach }, (_, i): Subscription => {
    const id = round * subscriptionsEach + i + 1
    if (i % 3 === 0) return { kind: 'row', relation: 'item', key: [id] }
    if (i % 3 === 1) return { kind: 'field', relation: 'item', key: [id], column: 'text' }
    return { kind: 'table', relation: 'item', where: { column: 'channel', op: 'eq', value: id } }
  })
}

/** What each of so many has added. */
async function grownKb(
  rssMb: () => Promise<number>,
  count: number,
  add: () => Promise<unknown>,
): Promise<number> {
  const before = await rssMb()
  await add()
  return (((await rssMb()) - before) / count) * 1e3
}
