import type { Child } from '../../test/child.ts'
import type { BenchDatabase } from '../suite/database.ts'
import type { Processes } from '../suite/processes.ts'
import type { ServeOptions } from './rowcast-server.ts'
import type { OpenOptions } from './rowcast-client.ts'
import type { BridgeOptions } from './bridge-server.ts'
import type { ListenOptions } from './bridge-client.ts'
import { bridgeSqlOn } from './bridge.ts'
import { digestSql } from './digest.ts'

/** A server that tells clients what becomes of tables of its own. */
export interface Side {
  readonly name: 'Rowcast' | 'bare bridge'
  readonly server: Child
  /** As it is called in the database. */
  table(name: string): string
  /** Starts a process of clients that follow a table; the first of them is watched. */
  follow(table: string, clients?: number): Promise<Child>
}

export interface Sides {
  readonly rowcast: Side
  readonly bridge: Side
}

const columns = ['id', 'text']

const file = (name: string) => new URL(`${name}.ts`, import.meta.url)

/**
 * Starts Rowcast and the bare bridge on one database, each with tables of its own: `id`, `text` and, `at` which time it was
 * written, of each row.
 */
export async function startBothSides(
  { admin, url, serverUrl, role }: BenchDatabase,
  processes: Processes,
  tables: readonly string[],
): Promise<Sides> {
  for (const name of tables)
    for (const prefix of ['rowcast', 'bridge'])
      await admin.query(`create table ${prefix}_${name} (
        id int generated always as identity primary key, text text, at timestamptz default clock_timestamp())`)
  for (const name of tables) {
    await admin.query(bridgeSqlOn(`bridge_${name}`, `bridge_${name}`))
    await admin.query(`select event.track('rowcast_${name}'); grant select on rowcast_${name} to ${role}`)
  }
  return {
    rowcast: await startRowcast(processes, { database: serverUrl, role }),
    bridge: await startBridge(processes, { database: url, channels: tables.map((name) => `bridge_${name}`) }),
  }
}

async function startRowcast(processes: Processes, options: ServeOptions): Promise<Side> {
  const server = processes.startServer('Rowcast server', file('rowcast-server'))
  const url = `http://127.0.0.1:${await server.ask<number>('serve', options)}`
  return {
    name: 'Rowcast',
    server,
    table: (name) => `rowcast_${name}`,
    async follow(table, clients = 1) {
      const child = processes.start(`Rowcast clients of ${table}`, file('rowcast-client'))
      const subscription = { kind: 'table', relation: `public.rowcast_${table}` } as const
      await child.ask('open', { url, clients, subscription } satisfies OpenOptions)
      return child
    },
  }
}

async function startBridge(processes: Processes, options: BridgeOptions): Promise<Side> {
  const server = processes.startServer('bridge server', file('bridge-server'))
  const url = `http://127.0.0.1:${await server.ask<number>('serve', options)}`
  return {
    name: 'bare bridge',
    server,
    table: (name) => `bridge_${name}`,
    async follow(table, clients = 1) {
      const child = processes.start(`bridge clients of ${table}`, file('bridge-client'))
      await child.ask('open', { url, clients, channel: `bridge_${table}` } satisfies ListenOptions)
      return child
    },
  }
}

export async function rowsOf({ admin }: BenchDatabase, table: string): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(`select count(*)::int from ${table}`)
  return rows[0]?.count ?? NaN
}

/** @throws if the client that is watched does not hold exactly what the table has */
export async function requireEqual(
  { admin }: BenchDatabase,
  side: Side,
  table: string,
  client: Child,
): Promise<void> {
  const { rows } = await admin.query<{ digest: string }>(digestSql(side.table(table), columns))
  if ((await client.ask<string>('digest', columns)) !== rows[0]?.digest)
    throw new Error(`what a client of the ${side.name} holds is not what ${side.table(table)} has`)
}
