import type pg from 'pg'
import type { Child } from '../../test/child.ts'
import type { Batch } from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import type { ServeOptions } from '../sides/rowcast-server.ts'
import { now } from '../suite/clock.ts'
import type { BenchDatabase } from '../suite/database.ts'
import type { Processes } from '../suite/processes.ts'
import type { Message } from './broadcast-server.ts'
import type { Got, OpenOptions } from './clients-process.ts'
import { PacedWriters } from './paced-writers.ts'
import { cpuMsOf, measureRun, type Run, type Side } from './side.ts'

/** Who follows what. */
export interface Setting {
  readonly clients: number
  /** 1: all follow the whole table. Else each client follows one of so many parts of it. */
  readonly filters: number
}

/** So many times as many commits as plain Socket.IO sends messages. */
const excess = 2
/** Of a run; with thousands of clients, a few messages a second are all that is sent. */
const fewSeconds = { rowcast: 0.6, plain: 0.3 }
const manySeconds = { rowcast: 1.2, plain: 0.6 }
const manyClients = 2_000
/** For the first guess at what plain Socket.IO can deliver. */
const firstSeconds = 0.5
const firstPerSecond = 200
const firstDeliveriesPerSecond = 50_000

/** Rowcast and plain Socket.IO, each with clients in a process of their own, in one setting after the other. */
export class Fanout implements AsyncDisposable {
  readonly #settings: readonly Setting[]
  readonly #writers: PacedWriters
  readonly #admin: pg.Client
  readonly #rowcast: Side
  readonly #plain: Side
  readonly #plainServer: Child
  #connected = 0
  #place = 0
  /** Messages in a second. */
  #plainRate = 0
  /** What Rowcast sent last. */
  #sent: readonly Message[] = []

  static async start(
    { admin, url, serverUrl, role }: BenchDatabase,
    processes: Processes,
    settings: readonly Setting[],
  ): Promise<Fanout> {
    for (const place of settings.keys()) await PacedWriters.createTable(admin, tableOf(place), role)
    const open = async (name: string, server: Child, options: unknown): Promise<Side> => {
      const clients = processes.start(`clients of ${name}`, new URL('clients-process.ts', import.meta.url))
      const port = await server.ask<number>('serve', options)
      return { clients, url: `http://127.0.0.1:${port}`, cpuMs: () => cpuMsOf(server) }
    }
    const served: ServeOptions = { database: serverUrl, role }
    const rowcast = processes.startServer('rowcast', new URL('../sides/rowcast-server.ts', import.meta.url))
    const plain = processes.startServer('socket.io', new URL('broadcast-server.ts', import.meta.url))
    return new Fanout(settings, admin, plain, await PacedWriters.connect(url), {
      rowcast: await open('rowcast', rowcast, served),
      plain: await open('socket.io', plain, null),
    })
  }

  private constructor(
    settings: readonly Setting[],
    admin: pg.Client,
    plainServer: Child,
    writers: PacedWriters,
    { rowcast, plain }: { readonly rowcast: Side; readonly plain: Side },
  ) {
    this.#settings = settings
    this.#admin = admin
    this.#plainServer = plainServer
    this.#writers = writers
    this.#rowcast = rowcast
    this.#plain = plain
  }

  /** Goes on to a setting, which has no fewer clients than those before. */
  async enter(place: number): Promise<void> {
    this.#place = place
    const { clients } = this.#setting
    const more = Array.from({ length: clients - this.#connected }, (_, i) => this.#connected + i)
    this.#connected = clients
    await Promise.all(
      [this.#rowcast, this.#plain].map((side) =>
        side.clients.ask('open', {
          url: side.url,
          clients: more.map((client) => ({
            audiences: this.#settings.map((_, place) => this.#audienceOf(client, place)),
            ...(side === this.#rowcast && { subscriptions: this.#subscriptionsOf(client) }),
          })),
        } satisfies OpenOptions),
      ),
    )
    await this.#write(firstSeconds, firstPerSecond)
    this.#plainRate = firstDeliveriesPerSecond / this.#perMessage
    for (const _ of ['a guess', 'by that guess']) await this.plainEach()
  }

  /** Has rows committed, faster than plain Socket.IO could send them one by one. */
  async rowcast(): Promise<Run> {
    return await this.#write(this.#seconds.rowcast, this.#plainRate * excess)
  }

  /** What Rowcast sent last, a message for each change. */
  async plainEach(): Promise<Run> {
    const each = this.#sent.flatMap(([audience, json]) => {
      const { transactions, ...batch } = JSON.parse(json) as Batch
      return transactions.map((one): Message => [audience, JSON.stringify({ ...batch, transactions: [one] })])
    })
    const count = Math.ceil(this.#plainRate * this.#seconds.plain)
    const messages = Array.from({ length: count }, (_, i) => each[i % each.length] ?? unknown())
    const run = await this.#broadcast(messages)
    this.#plainRate = run.messagesPerSecond / this.#perMessage
    return run
  }

  /** Just what Rowcast sent last. */
  plainSame(): Promise<Run> {
    return this.#broadcast(this.#sent.slice(0, Math.ceil(this.#plainRate * this.#seconds.plain)))
  }

  /** How many clients do not hold just what is in the table. */
  async countWrong(): Promise<number> {
    const { filters } = this.#setting
    const table = tableOf(this.#place)
    const { rows } = await this.#admin.query<{ audience: number; rows: number; sum: number }>(
      `select audience, count(*)::int as rows, sum(id)::float8 as sum from ${table} group by audience`,
    )
    const there = new Map(
      rows.map(({ audience, rows, sum }) => [audienceName(this.#place, audience), { rows, sum }]),
    )
    const held = await this.#rowcast.clients.ask<(readonly [string, Got])[]>('got', {
      relation: `public.${table}`,
      setting: this.#place,
    })
    if (there.size !== filters || held.length !== this.#setting.clients) return NaN
    return held.filter(([audience, { rows, sum }]) => {
      const right = there.get(audience)
      return rows !== right?.rows || sum !== right.sum
    }).length
  }

  async faults(): Promise<string[]> {
    const all = await Promise.all(
      [this.#rowcast, this.#plain].map(({ clients }) => clients.ask<string[]>('faults')),
    )
    return all.flat()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writers[Symbol.asyncDispose]()
  }

  get #setting(): Setting {
    return this.#settings[this.#place] ?? unknown()
  }

  get #seconds(): typeof fewSeconds {
    return this.#setting.clients < manyClients ? fewSeconds : manySeconds
  }

  /** How many clients get a message. */
  get #perMessage(): number {
    return this.#setting.clients / this.#setting.filters
  }

  async #write(seconds: number, perSecond: number): Promise<Run> {
    const run = await measureRun(this.#rowcast, { ...this.#what, isRecorded: true }, async () => {
      const startedAt = now()
      const options = { seconds, perSecond, audiences: this.#setting.filters }
      return { startedAt, changes: await this.#writers.write(tableOf(this.#place), options) }
    })
    this.#sent = await this.#rowcast.clients.ask<Message[]>('record')
    return run
  }

  #broadcast(messages: readonly Message[]): Promise<Run> {
    return measureRun(this.#plain, { ...this.#what, isRecorded: false }, async () => ({
      startedAt: await this.#plainServer.ask<number>('broadcast', messages),
      changes: messages.reduce((sum, [, json]) => sum + changesIn(json), 0),
    }))
  }

  get #what(): { readonly setting: number; readonly perMessage: number } {
    return { setting: this.#place, perMessage: this.#perMessage }
  }

  #audienceOf(client: number, place: number): string | null {
    const { clients, filters } = this.#settings[place] ?? unknown()
    return client < clients ? audienceName(place, client % filters) : null
  }

  #subscriptionsOf(client: number): Subscription[] {
    return this.#settings.flatMap(({ clients, filters }, place): Subscription[] => {
      if (client >= clients) return []
      const table: Subscription = { kind: 'table', relation: tableOf(place) }
      return [
        filters === 1
          ? table
          : { ...table, where: { column: 'audience', op: 'eq', value: client % filters } },
      ]
    })
  }
}

function tableOf(place: number): string {
  return `item_${place}`
}

function audienceName(place: number, audience: number): string {
  return `${place}/${audience}`
}

function changesIn(json: string): number {
  const { transactions } = JSON.parse(json) as Batch
  return transactions.reduce((sum, { changes }) => sum + changes.length, 0)
}

function unknown(): never {
  throw new Error('there is no such setting, or nothing was sent in it')
}
