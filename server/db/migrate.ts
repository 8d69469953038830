import pg from 'pg'
import { release } from '../release.ts'
import { readOnlyState, sqlStateOf } from './failures.ts'
import { readSqlFiles, type SqlFile, type SqlFiles } from './sql-files.ts'

/** Any number will do that nobody else locks: servers that start at once migrate one after the other. */
const migrationLock = '7310866249043117300'

/**
 * Brings the schemas `meta` and `event` up to date: applies each file of `sql/migrations` that has not been applied
 * to this database, in the order of their names, then all of `sql/functions` anew, and grants what is new to the roles
 * that run servers. In one transaction: all or nothing.
 *
 * Harmless to repeat, and to run from several servers at once. A migration that has been applied is never looked at
 * again, so it must never be edited.
 *
 * @param database a connected client outside of a transaction, or a connection string
 * @throws {Error} that names the file; its `cause` is PostgreSQL's error
 */
export async function migrate(database: pg.ClientBase | string): Promise<void> {
  if (typeof database !== 'string') return migrateWith(database)
  const client = new pg.Client({ connectionString: database, application_name: 'rowcast migrate' })
  await client.connect()
  try {
    await migrateWith(client)
  } finally {
    await client.end()
  }
}

async function migrateWith(client: pg.ClientBase): Promise<void> {
  const files = await readSqlFiles()
  await client.query('begin')
  try {
    await applyAll(client, files)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => {}) // the connection may be gone; the first error says more
    if (sqlStateOf(error) === readOnlyState) throw readOnlyError(error)
    throw error
  }
}

/** What is to be done about a database that takes nothing in. */
export function readOnlyError(cause?: unknown): Error {
  return new Error(
    'the database is read-only, as a standby is that has not been promoted: connect to the primary, ' +
      'where Rowcast keeps its sessions and the change log',
    { cause },
  )
}

async function applyAll(client: pg.ClientBase, { migrations, functions, digest }: SqlFiles): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(${migrationLock})`)
  // Functions may call one another, whatever the order of their files.
  await client.query(`set local check_function_bodies = off; set local client_min_messages = warning`)
  await client.query(`
    create schema if not exists event;
    create table if not exists event.migration (
      name text constraint migration_pkey primary key,
      applied_at timestamptz not null default now()
    )`)
  const { rows } = await client.query<{ name: string }>('select name from event.migration')
  const applied = new Set(rows.map(({ name }) => name))
  for (const file of migrations) {
    const name = file.path.slice('migrations/'.length)
    if (applied.has(name)) continue
    await apply(client, file)
    await client.query('insert into event.migration (name) values ($1)', [name])
  }
  for (const file of functions) await apply(client, file)
  await client.query('select event.refresh_capture()')
  await client.query('select event.grant_server(s.role) from event.server_roles() as s (role)')
  await client.query(
    `insert into event.installation (release, digest) values ($1, $2)
     on conflict (is_only) do update set release = excluded.release, digest = excluded.digest`,
    [release, digest],
  )
}

async function apply(client: pg.ClientBase, { path, sql }: SqlFile): Promise<void> {
  try {
    await client.query(sql)
  } catch (error) {
    throw new Error(`sql/${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}
