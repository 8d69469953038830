import { randomInt } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { migrate } from '../server/db/migrate.ts'
import { startEmbeddedPostgres } from '../server/embedded/embedded-postgres.ts'

/** Set for the processes that run tests: where the server is, and what their databases are cloned from. */
const urlVariable = 'ROWCAST_TEST_SERVER'
const runVariable = 'ROWCAST_TEST_RUN'

/** First half of the advisory lock that a run of the tests holds while it lives; the run's number is the second. */
const runLock = 0x526f77

const prefix = 'rowcast_test'

/** The names of the databases of one run. A number apart, so that runs at the same time do not meet. */
export function databaseName(run: string, name: string | number): string {
  return `${prefix}_${run}_${name}`
}

/** The roles of a run: the user that runs Rowcast's servers, no superuser, and one as which everything may be read. */
export function serverRole(run: string): string {
  return databaseName(run, 'server')
}
export function readerRole(run: string): string {
  return databaseName(run, 'reader')
}

/** What the tests of this process were given by `startTestServer`. */
export function testServer(): { readonly url: string; readonly run: string; readonly template: string } {
  const url = process.env[urlVariable]
  const run = process.env[runVariable]
  if (!url || !run) throw new Error('no test server: run the tests by `npm test` or `npx vitest`')
  return { url, run, template: databaseName(run, 'template') }
}

/**
 * Gives a run of the tests its PostgreSQL: the one of DATABASE_URL, or an embedded one in a temporary
 * folder; and in it a migrated template. Told to the test processes by environment variables, so that vitest
 * and Playwright find the same server, and a runner above both has started it once.
 *
 * @returns ends what was started
 */
export async function startTestServer(): Promise<() => Promise<void>> {
  if (process.env[urlVariable]) return () => Promise.resolve()
  const server = await ownOrEmbedded()
  const admin = new pg.Client(server.url)
  admin.on('error', () => undefined)
  await admin.connect()
  const run = String(randomInt(2 ** 31 - 1))
  await admin.query('select pg_advisory_lock($1, $2)', [runLock, run])
  await dropLeftovers(admin)
  await createRoles(admin, run)
  await createTemplate(admin, server.url, run)
  process.env[urlVariable] = server.url
  process.env[runVariable] = run
  return async () => {
    delete process.env[urlVariable]
    delete process.env[runVariable]
    // The embedded one is thrown away whole.
    if (!server.isEmbedded) await dropRun(admin, run)
    await admin.end()
    await server.stop()
  }
}

interface Server {
  readonly url: string
  readonly isEmbedded: boolean
  stop(): Promise<void>
}

async function ownOrEmbedded(): Promise<Server> {
  const url = process.env.DATABASE_URL
  if (url) return { url, isEmbedded: false, stop: () => Promise.resolve() }
  const embedded = await startEmbeddedPostgres({
    folder: await mkdtemp(join(tmpdir(), 'rowcast-test-')),
    temporary: true,
    settings: { max_connections: '400', autovacuum: 'off' },
    onProgress: (message) => console.log(`test database: ${message}`),
  })
  return { url: embedded.url, isEmbedded: true, stop: () => embedded.stop() }
}

async function createRoles(admin: pg.Client, run: string): Promise<void> {
  const [server, reader] = [serverRole(run), readerRole(run)]
  await admin.query(
    `create role ${server} login noinherit password '${run}'; create role ${reader}; grant pg_read_all_data to ${reader}; grant ${reader} to ${server}`,
  )
}

async function createTemplate(admin: pg.Client, url: string, run: string): Promise<void> {
  const name = databaseName(run, 'template')
  await admin.query(`create database ${name}`)
  const client = new pg.Client(urlOfDatabase(url, name))
  await client.connect()
  try {
    await migrate(client)
    await client.query('select event.grant_server($1)', [serverRole(run)])
  } finally {
    await client.end()
  }
}

/** Databases of runs that have crashed: nobody holds their lock any more. */
async function dropLeftovers(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ run: string }>(
    `select distinct split_part(datname, '_', 3) as run from pg_database where datname ~ '^${prefix}_[0-9]+_'`,
  )
  for (const { run } of rows) {
    const { rows: tried } = await admin.query<{ dead: boolean }>(
      'select pg_try_advisory_lock($1, $2) as dead',
      [runLock, run],
    )
    if (tried[0]?.dead) await dropRun(admin, run)
  }
}

async function dropRun(admin: pg.Client, run: string): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(
    `select datname from pg_database where datname like $1`,
    [`${databaseName(run, '%').replaceAll('_', '\\_')}`],
  )
  for (const { datname } of rows) await admin.query(`drop database if exists ${datname} with (force)`)
  const roles = await admin.query<{ rolname: string }>(`select rolname from pg_roles where rolname like $1`, [
    `${databaseName(run, '%').replaceAll('_', '\\_')}`,
  ])
  for (const { rolname } of roles.rows) await admin.query(`drop role if exists ${rolname}`)
  await admin.query('select pg_advisory_unlock($1, $2)', [runLock, run])
}

/** The same server's address with another database in it. */
export function urlOfDatabase(url: string, name: string): string {
  const other = new URL(url)
  other.pathname = `/${name}`
  return other.href
}

/** The same database's address for another user. */
export function urlOfUser(url: string, user: string, password: string): string {
  return Object.assign(new URL(url), { username: user, password }).href
}
