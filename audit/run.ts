import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { pageSession, type SessionStore } from '../client/core/index.ts'
import { createRowcast } from '../server/main.ts'
import type { Identity } from '../server/session/identity.ts'
import { AuditedClient } from './audited-client.ts'
import { check, type Verdict } from './check.ts'
import type { Finding } from './findings.ts'
import { History, type Committed } from './history.ts'
import { randomFrom, type Random } from './random.ts'
import type { ClientRecords } from './records.ts'
import { Observer, seenFunction } from './sights.ts'
import { randomSubscription } from './subscriptions.ts'
import { markerRelation, type AuditTable } from './tables.ts'
import { changeRights, Recorder, writeRows } from './writer.ts'
import { randomWorld, type World } from './world.ts'
import type { Roles } from './roles.ts'

export interface RunOptions {
  readonly seed: number
  /** A migrated database with nothing in it; its user may do everything there, and act as the roles. */
  readonly database: string
  /** What the server connects with, if not as that user. */
  readonly serverDatabase?: string
  readonly roles: Roles
  readonly writers: number
  /** So many transactions first in which nobody's rights change. */
  readonly calm: number
  /** So many changes of rights then, while transactions go on; and then as many transactions as before them. */
  readonly changes: number
  /** No longer than that, however slow everything is. */
  readonly longestMs: number
  /** So long after a change of rights what was allowed before may still be shown. */
  readonly graceMs: number
  /** How long everybody may take to come to rest. */
  readonly restMs: number
  /** Once it is aborted everybody stops as soon as he can, and nothing is judged. */
  readonly signal: AbortSignal
}

export interface Outcome extends Verdict {
  readonly seed: number
  /** What the tables, policies and grants were to begin with, for people. */
  readonly setup: readonly string[]
  /** By which it was judged. */
  readonly clients: readonly ClientRecords[]
  readonly commits: readonly Committed[]
}

/** One random world: everything at once for some seconds, then rest, then judgement. Undefined: it has been given up. */
export async function run(options: RunOptions): Promise<Outcome | undefined> {
  const { seed, database, graceMs, signal } = options
  const world = randomWorld(seed, options.roles)
  await using connections = new Connections(database)
  const admin = await connections.open()
  for (const sql of [seenFunction, ...world.setup]) await admin.query(sql)
  const recorder = new Recorder(new Observer(world.identities, world.tables))
  await writeBeginning(admin, recorder, world, signal)

  await using server = await startServer(options.serverDatabase ?? database, world.identities)
  const clients = startClients(world, server.url)
  for (const [i, client] of clients.entries()) {
    const random = randomFrom(seed, `client ${i} begins`)
    for (const table of random.shuffled(world.tables).slice(0, 2)) {
      client.follow({ kind: 'table', relation: table.relation })
      client.follow(randomSubscription(random, table))
    }
  }
  try {
    await bustle(options, world, recorder, clients, connections)
    const restless = await rest(admin, clients, recorder, options)
    if (signal.aborted) return undefined
    for (const client of clients) client.rest()
    const parts = {
      history: new History(recorder.commits),
      identities: world.identities,
      tables: world.tables,
      graceMs,
    }
    const verdict = check(clients, parts)
    return {
      seed,
      setup: world.setup,
      clients,
      commits: recorder.commits,
      ...verdict,
      findings: [...verdict.findings, ...restless, ...errorsOf(clients)],
    }
  } finally {
    for (const client of clients) client.close()
  }
}

async function writeBeginning(
  admin: pg.Client,
  recorder: Recorder,
  world: World,
  signal: AbortSignal,
): Promise<void> {
  const random = randomFrom(world.seed, 'beginning')
  await recorder.begin(admin)
  const start = performance.now()
  // As everybody writes, until there is something to begin with.
  await writeRows(admin, recorder, random, world.tables, () => {
    return signal.aborted || recorder.commits.length > 40 || performance.now() - start > 3_000
  })
}

/** Writers write, an administrator changes rights, clients come and go. */
async function bustle(
  { writers, calm, changes, longestMs, seed, signal }: RunOptions,
  world: World,
  recorder: Recorder,
  clients: readonly AuditedClient[],
  connections: Connections,
): Promise<void> {
  const deadline = performance.now() + longestMs
  let end = Infinity
  const isOver = (commits = end): boolean =>
    signal.aborted || performance.now() > deadline || recorder.commits.length >= commits
  const write = async (i: number): Promise<void> => {
    const random = randomFrom(seed, `writer ${i}`)
    await writeRows(await connections.open(), recorder, random, world.tables, () => isOver())
  }
  const administer = async (): Promise<void> => {
    const random = randomFrom(seed, 'administrator')
    const client = await connections.open()
    const calmUntil = recorder.commits.length + calm
    while (!isOver(calmUntil)) await sleep(10)
    for (let changed = 0; changed < changes && !isOver();) {
      if (await changeRights(client, recorder, random, world.tables, world.rights)) changed++
      await sleep(random.int(50, 250))
    }
    end = recorder.commits.length + calm
  }
  const use = async (client: AuditedClient, i: number): Promise<void> => {
    const random = randomFrom(seed, `client ${i}`)
    while (!isOver()) {
      await sleep(random.int(20, 400))
      await act(client, random, world.tables)
    }
  }
  await Promise.all([
    ...Array.from({ length: writers }, (_, i) => write(i)),
    administer(),
    ...clients.map(use),
  ])
}

async function act(client: AuditedClient, random: Random, tables: readonly AuditTable[]): Promise<void> {
  switch (random.weighted({ follow: 5, unfollow: 4, renew: 1, reconnect: 1, leave: 1 })) {
    case 'follow':
      if (client.subscriptions.length < 8)
        client.follow(randomSubscription(random, random.pick(tables) as AuditTable))
      return
    case 'unfollow': {
      const subscription = random.pick(client.subscriptions)
      if (subscription && client.subscriptions.length > 2) client.unfollow(subscription)
      return
    }
    case 'renew':
      if (client.identities.length > 1) await client.renew(random.pick(client.identities))
      return
    case 'reconnect':
      client.close()
      return client.connect(random.pick(client.identities))
    case 'leave':
      client.close()
      await sleep(random.int(50, 800))
      return client.connect(random.pick(client.identities))
  }
}

/** A client for each identity; pairs of them that share a session; and one that is now this one and now the other. */
function startClients({ seed, identities, twins }: World, url: string): AuditedClient[] {
  const random = randomFrom(seed, 'clients')
  const start = (name: string, session: SessionStore, ...of: [number, ...number[]]): AuditedClient =>
    new AuditedClient({
      name,
      url,
      session,
      identities: of,
      transport: random.chance(0.85) ? 'websocket' : 'polling',
    })
  const clients = identities.map((_, i) => ({ i, session: sharedSession() }))
  return [
    ...clients.map(({ i, session }) => start(`client ${i}`, session.first, i)),
    ...twins.flatMap(([one, other]) => [
      start(`client ${one} on another device`, clients[one]?.session.second ?? pageSession(), other),
      start(`client ${one} or ${other}`, pageSession(), one, other),
    ]),
  ]
}

/** Two devices of one session: the second waits until the first has one. */
function sharedSession(): { readonly first: SessionStore; readonly second: SessionStore } {
  const store = pageSession()
  let saved: () => void = () => undefined
  const isSaved = new Promise<void>((resolve) => (saved = resolve))
  const first: SessionStore = {
    ...store,
    save: (key) => {
      store.save(key)
      saved()
    },
  }
  return { first, second: { ...first, load: () => isSaved.then(() => store.load()) } }
}

/** Waits until everybody has everything. Whoever does not come to rest is told of. */
async function rest(
  admin: pg.Client,
  clients: readonly AuditedClient[],
  { commits }: Recorder,
  { graceMs, restMs, signal }: RunOptions,
): Promise<Finding[]> {
  const changedAt = commits.findLast(({ isUnlogged }) => isUnlogged)?.committedAt ?? 0
  await sleep(Math.max(0, changedAt + graceMs - Date.now()), undefined, { signal }).catch(() => undefined)
  for (const client of clients) client.connect()
  await admin.query(`insert into ${markerRelation} values (1)`)
  const deadline = performance.now() + restMs
  let restless = clients
  while (
    (restless = restless.filter((client) => !client.hasCome(1))).length > 0 &&
    performance.now() < deadline &&
    !signal.aborted
  )
    await sleep(10)
  return restless.map((client) => ({
    kind: 'unchecked',
    client: client.name,
    identity: '',
    message: `it did not come to rest within ${restMs} ms: ${client.state}`,
    commit: '',
    times: 1,
  }))
}

/** A change that a client cannot apply is mended by asking anew, which would hide that it was wrong. */
function errorsOf(clients: readonly AuditedClient[]): Finding[] {
  return clients.flatMap(({ name, errors }) =>
    errors
      .filter(({ code }) => code === 'row_missing' || code === 'invalid_message')
      .slice(0, 1)
      .map(({ code, message }) => ({
        kind: 'client_error' as const,
        client: name,
        identity: '',
        message: `${code}: ${message}`,
        commit: '',
        times: 1,
      })),
  )
}

async function startServer(
  database: string,
  identities: readonly Identity[],
): Promise<AsyncDisposable & { readonly url: string }> {
  const httpServer = createServer((_request, response) => response.writeHead(404).end())
  const rowcast = await createRowcast({
    database,
    httpServer,
    authenticate: ({ auth }) => {
      const identity = identities[Number(auth['identity'])]
      if (!identity) throw new Error('there is no such identity')
      return identity
    },
    logger: pino({ level: process.env['ROWCAST_AUDIT_LOG'] ?? 'silent' }),
  })
  await new Promise<void>((resolve) => httpServer.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(httpServer.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      await rowcast.close()
      httpServer.closeAllConnections()
      await new Promise((resolve) => httpServer.close(resolve))
    },
  }
}

/** Those of the audit's own to the database. */
class Connections implements AsyncDisposable {
  readonly #url: string
  readonly #open: pg.Client[] = []

  constructor(url: string) {
    this.#url = url
  }

  async open(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.#url, application_name: 'rowcast audit' })
    client.on('error', () => undefined) // its queries fail too
    await client.connect()
    this.#open.push(client)
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((client) => client.end()))
  }
}
