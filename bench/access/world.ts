import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../../test/child.ts'
import { now } from '../suite/clock.ts'
import type { BenchDatabase } from '../suite/database.ts'
import type { Processes } from '../suite/processes.ts'
import type { ServeOptions } from '../sides/rowcast-server.ts'
import type { Usage } from '../suite/usage.ts'
import type { ConnectOptions, Period, Truth } from './clients-process.ts'
import type { Commit, Revocation, Verdict } from './judge.ts'
import { channelOf, policy, setupSql, usersPerChannel } from './setting.ts'
import type { WriteOptions } from './writer-process.ts'

/** What it took until more clients showed what they may see. */
export interface Connected {
  readonly ms: number
  /** For each client. */
  readonly serverMs: number
  readonly postgresqlMs: number
}

/** What changes at an even pace came to. */
export interface Measured {
  /** Those that reached PostgreSQL, in a second. */
  readonly perSecond: number
  readonly commits: readonly Commit[]
  readonly latenciesMs: readonly number[]
  /** Of a core, 1 being all of it. */
  readonly cores: { readonly server: number; readonly postgresql: number; readonly clients: number }
  readonly server: Usage
}

/** How long it took until a right that had been taken away was gone from each page; null: it was not within some seconds. */
export type Delays = readonly (number | null)[]

const clientProcesses = 2

/** PostgreSQL, a server, its clients and who writes, in processes of their own; and all that went wrong between them. */
export class World {
  /** What must not be, in words. */
  readonly faults: string[] = []
  readonly #database: BenchDatabase
  readonly #server: Child
  readonly #writer: Child
  readonly #clients: readonly Child[]
  readonly #url: string
  readonly #channels: number
  #connected = 0
  #revocations: Revocation[] = []

  static async start(database: BenchDatabase, processes: Processes, users: number): Promise<World> {
    const { admin, role, group, url, serverUrl } = database
    const channels = channelOf(users)
    await admin.query(setupSql(role, group, channels))
    const server = processes.startServer('server', new URL('../sides/rowcast-server.ts', import.meta.url))
    const writer = processes.start('writer', new URL('writer-process.ts', import.meta.url))
    const clients = Array.from({ length: clientProcesses }, (_, i) =>
      processes.start(`clients ${i}`, new URL('clients-process.ts', import.meta.url)),
    )
    const port = await server.ask<number>('serve', { database: serverUrl, role } satisfies ServeOptions)
    await writer.ask('connect', url)
    return new World(database, server, writer, clients, `http://127.0.0.1:${port}`, channels)
  }

  private constructor(
    database: BenchDatabase,
    server: Child,
    writer: Child,
    clients: readonly Child[],
    url: string,
    channels: number,
  ) {
    this.#database = database
    this.#server = server
    this.#writer = writer
    this.#clients = clients
    this.#url = url
    this.#channels = channels
  }

  /** Connects more clients, up to a number. */
  async connect(clients: number): Promise<Connected> {
    const users = Array.from({ length: clients - this.#connected }, (_, i) => this.#connected + i + 1)
    const before = await this.#usage()
    await Promise.all(
      this.#clients.map((child, process) =>
        child.ask('connect', {
          url: this.#url,
          users: users.filter((user) => channelOf(user) % this.#clients.length === process),
          subscription: { kind: 'table', relation: 'message' },
        } satisfies ConnectOptions),
      ),
    )
    this.#connected = clients
    const after = await this.#usage()
    return {
      ms: after.at - before.at,
      serverMs: (after.server.cpuMs - before.server.cpuMs) / users.length,
      postgresqlMs: (after.postgresqlMs - before.postgresqlMs) / users.length,
    }
  }

  /** Changes messages at an even pace, each of them in a channel whose users are all connected. */
  async measure(perSecond: number, seconds: number): Promise<Measured> {
    const before = await this.#usage()
    const commits = await this.#write(perSecond, seconds)
    const after = await this.#usage()
    const latenciesMs = await this.#judge(commits)
    await this.#compare()
    const took = Math.max(...commits.map(({ at }) => at)) - Math.min(...commits.map(({ dueAt }) => dueAt))
    const cores = (of: (usage: typeof before) => number) => (of(after) - of(before)) / (after.at - before.at)
    return {
      perSecond: (commits.length / took) * 1000,
      commits,
      latenciesMs,
      cores: {
        server: cores(({ server }) => server.cpuMs),
        postgresql: cores(({ postgresqlMs }) => postgresqlMs),
        clients: cores(({ clientsMs }) => clientsMs),
      },
      server: after.server,
    }
  }

  /** Takes users out of their channels, one after the other, while messages change. */
  async revokeMemberships(perSecond: number, seconds: number, count: number): Promise<Delays> {
    const channels = this.#channels - hiddenChannels
    const users = Array.from(
      { length: Math.min(count, channels * usersPerChannel) },
      (_, i) => (i % channels) * usersPerChannel + Math.floor(i / channels) + 1,
    )
    const pace = users.length / (seconds * (1 - headShare - tailShare))
    return this.#takeAway(perSecond, seconds, () =>
      this.#writer.ask<Revocation[]>('revoke', { users, perSecond: pace }),
    )
  }

  /** Changes the policy so that nobody sees the last channels any more, while messages change. */
  async changePolicy(perSecond: number, seconds: number): Promise<Delays> {
    const shown = this.#channels - hiddenChannels
    return this.#takeAway(perSecond, seconds, async () => {
      const at = await this.#execute(
        `alter policy message_of_member on message using (channel_id <= ${shown} and ${policy})`,
      )
      const hidden = Array.from(
        { length: hiddenChannels * usersPerChannel },
        (_, i) => shown * usersPerChannel + i + 1,
      )
      return hidden.map((user) => ({ user, at }))
    })
  }

  /** Takes the role of all clients out of the group whose policy shows them anything, while messages change; and puts it back. */
  async revokeRole(perSecond: number, seconds: number): Promise<Delays> {
    const { role, group } = this.#database
    const all = Array.from({ length: this.#connected }, (_, i) => i + 1)
    const delays = await this.#takeAway(perSecond, seconds, async () => {
      const at = await this.#execute(`revoke ${group} from ${role}`)
      return all.map((user) => ({ user, at }))
    })
    await Promise.all(this.#clients.map((child) => child.ask('expectMessages')))
    await this.#execute(`grant ${group} to ${role}`)
    await Promise.all(this.#clients.map((child) => child.ask('refilled')))
    this.#revocations = []
    return delays
  }

  /** Takes `select` away from the role of all clients, while messages change. Nothing else can be measured afterwards. */
  async revokeGrant(perSecond: number, seconds: number): Promise<Delays> {
    const writing = this.#write(perSecond, seconds)
    await sleep(seconds * headShare * 1000)
    const at = await this.#execute(`revoke select on message from ${this.#database.role}`)
    this.#revocations = Array.from({ length: this.#connected }, (_, i) => ({ user: i + 1, at }))
    const delays = await Promise.all(this.#clients.map((child) => child.ask<Delays>('ended', at)))
    await this.#judge(await writing)
    return delays.flat()
  }

  async #takeAway(perSecond: number, seconds: number, take: () => Promise<Revocation[]>): Promise<Delays> {
    const writing = this.#write(perSecond, seconds)
    await sleep(seconds * headShare * 1000)
    const revocations = await take()
    this.#revocations.push(...revocations)
    const delays = await Promise.all(this.#clients.map((child) => child.ask<Delays>('emptied', revocations)))
    await this.#judge(await writing)
    await this.#compare()
    return delays.flat()
  }

  #write(perSecond: number, seconds: number): Promise<Commit[]> {
    return this.#writer.ask('write', {
      changes: Math.ceil(perSecond * seconds),
      perSecond,
      channels: channelOf(this.#connected),
    } satisfies WriteOptions)
  }

  #execute(sql: string): Promise<number> {
    return this.#writer.ask('execute', sql)
  }

  /** @returns the latencies, and notes what went wrong */
  async #judge(commits: readonly Commit[]): Promise<number[]> {
    const period: Period = { commits, revocations: this.#revocations }
    const verdicts = await Promise.all(this.#clients.map((child) => child.ask<Verdict>('verdict', period)))
    this.faults.push(...verdicts.flatMap(({ faults }) => faults))
    return verdicts.flatMap(({ latenciesMs }) => latenciesMs)
  }

  /** What each page shows, with what is there. */
  async #compare(): Promise<void> {
    const { rows } = await this.#database.admin.query<{ channel: number; messages: [number, number][] }>(`
      select channel_id as channel, json_agg(json_build_array(id, split_part(body, ' ', 1)::int)) as messages
        from message group by channel_id`)
    const truth: Truth = Object.fromEntries(rows.map(({ channel, messages }) => [channel, messages]))
    const faults = await Promise.all(this.#clients.map((child) => child.ask<string[]>('compare', truth)))
    this.faults.push(...faults.flat())
  }

  async #usage(): Promise<{ at: number; server: Usage; postgresqlMs: number; clientsMs: number }> {
    const clients = await Promise.all(this.#clients.map((child) => child.ask<Usage>('usage')))
    return {
      at: now(),
      server: await this.#server.ask<Usage>('usage'),
      postgresqlMs: await this.#database.cpuMs(),
      clientsMs: clients.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    }
  }
}

const hiddenChannels = 2
/** Of the time in which messages change, this passes before rights are taken away, and after. */
const [headShare, tailShare] = [0.1, 0.2]
