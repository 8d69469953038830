import pg from 'pg'
import { WatchedClient } from './watched-client.ts'

/** Where the database is: a connection string or node-postgres's own options. */
export type Database = string | pg.PoolConfig

/**
 * Values must read the same as the capture functions write them, whatever the database or the role
 * has set: these are the settings that capture pins, too.
 */
const pinned = `
  set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601';
  set extra_float_digits = 1; set bytea_output = 'hex'; set lc_monetary = 'C'`

/** Others may create functions elsewhere, in \`public\` for one, that fit an argument more closely than PostgreSQL's own of the same name. */
export const serverSearchPath = 'pg_catalog, pg_temp'
const guarded = `set search_path = ${serverSearchPath}`

/**
 * A server that freezes or disappears in the middle of a transaction must not hold back vacuum for ever; and
 * connections are few: who asks for a table that is locked comes again.
 */
const bounded = `
  set idle_in_transaction_session_timeout = '60s'; set lock_timeout = '5s'; set tcp_user_timeout = '30s';
  set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4`

/** What a server asks is asked often and reads little: compiling it takes longer than running it, seconds for questions to the catalogue. */
const planned = 'set jit = off'

const connectTimeoutMs = 5_000

export function clientConfig(database: Database): pg.ClientConfig {
  const config = typeof database === 'string' ? { connectionString: database } : database
  return { application_name: 'rowcast', keepAlive: true, keepAliveInitialDelayMillis: 10_000, ...config }
}

/** A pool for application code and setup: node-postgres's defaults, nothing pinned. */
export function createPool(database: Database, max: number): pg.Pool {
  return new pg.Pool({ ...clientConfig(database), max })
}

/**
 * A pool whose connections encode values as the change log does. None of them waits for ever, whatever breaks.
 *
 * @param waitMs so long a query waits for a connection to be free, or made
 */
export function createEncodingPool(database: Database, max: number, waitMs = connectTimeoutMs): pg.Pool {
  const pool = new pg.Pool({
    connectionTimeoutMillis: waitMs,
    ...clientConfig(database),
    max,
    Client: WatchedClient,
    onConnect: prepare,
  })
  pool.on('error', () => undefined) // an idle connection has broken, and is replaced when it is needed
  return pool
}

/** A single connection of the same kind. The caller ends it. */
export async function connectEncoding(database: Database): Promise<pg.Client> {
  const client = new WatchedClient({ connectionTimeoutMillis: connectTimeoutMs, ...clientConfig(database) })
  await client.connect()
  await prepare(client)
  return client
}

async function prepare(client: pg.ClientBase): Promise<void> {
  await client.query([pinned, guarded, bounded, planned].join(';'))
}
