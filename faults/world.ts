import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { migrate } from '../server/db/migrate.ts'
import { freePort } from '../server/embedded/free-port.ts'
import type { Row } from '../shared/change.ts'
import { Child } from '../test/child.ts'
import { startOwnPostgres, type OwnPostgres } from '../test/own-postgres.ts'
import { TcpProxy } from '../test/tcp-proxy.ts'
import type { ClientsOptions, ClientSpec } from './client-process.ts'
import { randomFrom, type Random } from '../audit/random.ts'
import { openRecords, type FaultRecord, type RecordWriter } from './records.ts'
import type { ClientFigures } from './fault-client.ts'
import type { WriterFigures, WriterOptions } from './writer-process.ts'
import { schemaSql, tables, type WorkloadSize } from './workload.ts'

export interface WorldOptions {
  readonly seed: number
  readonly servers: number
  readonly clients: number
  readonly size: WorkloadSize
  readonly writers: number
  readonly pauseMs: number
  readonly bulkEveryMs: number
  /** Where records and logs go, to stay there. Default: a temporary folder, which stays only if something went wrong. */
  readonly folder?: string
}

/** A Rowcast server of the run, which dies and comes back at the same place. */
export class ServerSlot {
  readonly name: string
  readonly port: number
  /** Between it and PostgreSQL. */
  readonly proxy: TcpProxy
  readonly #databaseUrl: string
  readonly #logFile: string
  child: Child
  isReady = false
  isPaused = false

  constructor(name: string, port: number, proxy: TcpProxy, databaseUrl: string, logFile: string) {
    this.name = name
    this.port = port
    this.proxy = proxy
    this.#databaseUrl = databaseUrl
    this.#logFile = logFile
    this.child = this.#spawn(0)
  }

  get isUp(): boolean {
    return this.isReady && this.child.isAlive
  }

  start(clockSeconds = 0): void {
    this.isPaused = false
    this.child = this.#spawn(clockSeconds)
  }

  #spawn(clockSeconds: number): Child {
    this.isReady = false
    const child = new Child(this.name, new URL('server-process.ts', import.meta.url), {
      env: {
        FAULTS_PORT: String(this.port),
        FAULTS_DATABASE: this.#databaseUrl,
        FAULTS_LOG: this.#logFile,
        FAULTS_CLOCK: String(clockSeconds),
      },
      nodeOptions: clockSeconds === 0 ? [] : ['--import', new URL('./wrong-clock.ts', import.meta.url).href],
    })
    void child.ask('started').then(
      () => (this.isReady = true),
      () => undefined, // it was killed before it was there
    )
    return child
  }
}

/** Between a client and whichever server it is led to. */
export interface ClientLink {
  readonly name: string
  readonly proxy: TcpProxy
}

/** Everything that a run consists of, in processes and sockets of its own. */
export class World implements AsyncDisposable {
  readonly postgres: OwnPostgres
  readonly servers: readonly ServerSlot[]
  readonly links: readonly ClientLink[]
  /** In two processes. */
  readonly clients: readonly Child[]
  readonly writer: Child
  /** Records and logs. */
  readonly folder: string
  readonly #records: RecordWriter
  readonly #random: Random
  #steering: NodeJS.Timeout | undefined
  #isKept = false

  private constructor(parts: {
    postgres: OwnPostgres
    servers: readonly ServerSlot[]
    links: readonly ClientLink[]
    clients: readonly Child[]
    writer: Child
    folder: string
    records: RecordWriter
    seed: number
  }) {
    this.postgres = parts.postgres
    this.servers = parts.servers
    this.links = parts.links
    this.clients = parts.clients
    this.writer = parts.writer
    this.folder = parts.folder
    this.#records = parts.records
    this.#random = randomFrom(parts.seed, 'steering')
  }

  /** Starts everything, and clients and writers at their work. */
  static async start(options: WorldOptions): Promise<World> {
    const { seed } = options
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), `rowcast-faults-${seed}-`)))
    await mkdir(folder, { recursive: true })
    const records = openRecords(join(folder, 'world.jsonl'))
    const postgres = await startOwnPostgres({
      settings: { synchronous_commit: 'on', max_connections: '200', checkpoint_timeout: '60s' },
    })
    await prepare(postgres, options, records)
    const servers = await Promise.all(
      Array.from({ length: options.servers }, async (_, i) => {
        const { proxy, url } = await TcpProxy.before(postgres.url)
        return new ServerSlot(`s${i}`, await serverPort(), proxy, url, join(folder, `s${i}.log`))
      }),
    )
    const specs = specsOf(options.clients)
    const links: ClientLink[] = []
    const clientSpecs: ClientSpec[] = []
    for (const spec of specs) {
      const devices = await Promise.all(
        ['', "'"].map(async (mark) => ({
          name: `${spec.name}${mark}`,
          proxy: await TcpProxy.start({ port: servers[0]?.port ?? 0 }),
        })),
      )
      links.push(...devices)
      const [one, two] = devices.map(({ proxy }) => `http://127.0.0.1:${proxy.port}`)
      clientSpecs.push({ ...spec, urls: [one ?? '', two ?? ''] })
    }
    const clients = ['clients-a', 'clients-b'].map(
      (name) => new Child(name, new URL('client-process.ts', import.meta.url)),
    )
    const writer = new Child('writers', new URL('writer-process.ts', import.meta.url))
    const world = new World({ postgres, servers, links, clients, writer, folder, records, seed })
    if (options.folder !== undefined) world.keep()
    try {
      await world.#begin(options, clientSpecs)
    } catch (error) {
      await world[Symbol.asyncDispose]()
      throw error
    }
    return world
  }

  async #begin(options: WorldOptions, specs: readonly ClientSpec[]): Promise<void> {
    const deadline = performance.now() + startDeadlineMs
    while (!this.servers.some(({ isUp }) => isUp)) {
      const ended = this.servers.find(({ child }) => !child.isAlive)
      if (ended || performance.now() > deadline)
        throw new Error(`no server has started:\n${ended?.child.complaint ?? ''}`)
      await sleep(50)
    }
    this.steer()
    this.#steering = setInterval(() => this.steer(), 500)
    await this.writer.ask('start', {
      url: this.postgres.url,
      seed: options.seed,
      writers: options.writers,
      pauseMs: options.pauseMs,
      bulkEveryMs: options.bulkEveryMs,
      size: options.size,
      file: join(this.folder, 'writers.jsonl'),
    } satisfies WriterOptions)
    // a session that is shared is shared within one process
    await Promise.all(
      this.clients.map((child, i) =>
        child.ask('start', {
          seed: options.seed,
          clients: specs.filter(({ name }) => Number(/\d+/.exec(name)?.[0]) % this.clients.length === i),
          file: join(this.folder, `${child.name}.jsonl`),
        } satisfies ClientsOptions),
      ),
    )
  }

  /** Leads each client's next connection to some server that is up, as whoever balances the load would. */
  steer(): void {
    const up = this.servers.filter(({ isUp, isPaused }) => isUp && !isPaused)
    const reachable = up.length > 0 ? up : this.servers
    for (const { proxy } of this.links) proxy.pointTo({ port: this.#random.pick(reachable)?.port ?? 0 })
  }

  record(record: Unstamped<FaultRecord>): void {
    this.#records.write({ at: Date.now(), ...record } as FaultRecord)
  }

  async query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    const client = new pg.Client(this.postgres.url)
    client.on('error', () => undefined) // its query says so
    await client.connect()
    try {
      return (await client.query<T>(text, values)).rows
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  get processes(): readonly Child[] {
    return [...this.servers.map(({ child }) => child), ...this.clients, this.writer]
  }

  async figures(): Promise<WriterFigures & ClientFigures> {
    const writer = await this.writer.ask<WriterFigures>('figures')
    const clients = await Promise.all(this.clients.map((child) => child.ask<ClientFigures>('figures')))
    const sum = (name: keyof ClientFigures) => clients.reduce((total, figures) => total + figures[name], 0)
    return {
      ...writer,
      deliveries: sum('deliveries'),
      applied: sum('applied'),
      resumes: sum('resumes'),
      resets: sum('resets'),
    }
  }

  /**
   * Writers stop, and everybody comes to rest; what the tables hold then is noted.
   *
   * @returns who has not come to rest, and why
   */
  async rest(withinMs: number): Promise<string[]> {
    const { xid } = await this.writer.ask<{ xid: string }>('finish')
    const unfinished = await Promise.all(
      this.clients.map((child) => child.ask<string[]>('settle', { xid, withinMs })),
    )
    for (const { relation, key } of tables) {
      const rows = await this.query<Row>(`select * from ${relation} order by ${key.join()}`)
      this.record({ kind: 'selected', relation, rows })
    }
    await Promise.all(this.clients.map((child) => child.ask('end')))
    this.#records.close()
    return unfinished.flat()
  }

  /** The folder stays when the world ends. */
  keep(): void {
    this.#isKept = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#steering)
    await Promise.all(this.processes.map((child) => child.end()))
    await Promise.all([...this.links, ...this.servers].map(({ proxy }) => proxy.close()))
    await this.postgres[Symbol.asyncDispose]()
    if (!this.#isKept) await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Everything is compiled by several processes at once, on a machine that may have other things to do. */
const startDeadlineMs = 150_000

type Unstamped<T> = T extends unknown ? Omit<T, 'at'> : never

async function prepare(postgres: OwnPostgres, options: WorldOptions, records: RecordWriter): Promise<void> {
  const client = await postgres.connect()
  await migrate(client)
  await client.query(schemaSql(options.size))
  const initial = []
  for (const table of tables) {
    const { rows } = await client.query<Row>(`select * from ${table.relation} order by ${table.key.join()}`)
    initial.push({ ...table, rows })
  }
  records.write({ at: Date.now(), kind: 'run', seed: options.seed, tables: initial })
  await client.end()
}

/** A third of the clients are pages of React, every fourth shares its session with a second connection. */
function specsOf(count: number): Omit<ClientSpec, 'urls'>[] {
  return Array.from({ length: count }, (_, i) => {
    const spec = { name: `c${i}`, isPage: i % 3 === 2, isBig: i === 1 || i === 4 }
    if (i % 4 !== 3) return [spec]
    const session = `shared ${i}`
    return [
      { ...spec, session },
      { ...spec, name: `c${i}b`, session },
    ]
  }).flat()
}

/** Below those that outgoing connections are given: there are many of them before a server listens, and while it is down. */
function serverPort(): Promise<number> {
  return freePort(20_000 + Math.floor(Math.random() * 12_000))
}
