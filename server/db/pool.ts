import pg from 'pg'

/** Where the database is: a connection string or node-postgres's own options. */
export type Database = string | pg.PoolConfig

/**
 * Values must read the same as the capture functions write them, whatever the database or the role
 * has set: these are the settings that capture pins, too.
 */
const pinned = `
  set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601';
  set extra_float_digits = 1; set bytea_output = 'hex'; set lc_monetary = 'C'; set search_path = public`

export function clientConfig(database: Database): pg.ClientConfig {
  const config = typeof database === 'string' ? { connectionString: database } : database
  return { application_name: 'rowcast', keepAlive: true, keepAliveInitialDelayMillis: 10_000, ...config }
}

/** A pool for application code and setup: node-postgres's defaults, nothing pinned. */
export function createPool(database: Database, max: number): pg.Pool {
  return new pg.Pool({ ...clientConfig(database), max })
}

/** A pool whose connections encode values as the change log does. */
export function createEncodingPool(database: Database, max: number): pg.Pool {
  return new pg.Pool({
    ...clientConfig(database),
    max,
    onConnect: (client) => client.query(pinned).then(() => undefined),
  })
}

/** A single connection whose values are encoded as in the change log. The caller ends it. */
export async function connectEncoding(database: Database): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(database))
  client.on('error', () => undefined) // its queries fail too, and are answered there
  await client.connect()
  await client.query(pinned)
  return client
}
