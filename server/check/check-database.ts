import type pg from 'pg'
import { connectionsPerServer } from '../db/pools.ts'
import { Findings, type Finding } from './finding.ts'

const oldest = 14

interface Settings {
  readonly version: string
  readonly major: number
  readonly user: string
  readonly isSuperuser: boolean
  readonly isReadOnly: boolean
  /** For such a user, of all together. */
  readonly connections: number
  /** -1: as many as there are. */
  readonly ownLimit: number
  readonly databaseLimit: number
  readonly statementTimeout: string
  readonly idleTimeout: string
  readonly idleTimeoutMs: number
  readonly tracksActivities: boolean
  readonly filtersRows: boolean
}

const sql = `
  select current_setting('server_version') as version, current_setting('server_version_num')::integer / 10000 as major,
         quote_ident(current_user) as user, r.rolsuper as "isSuperuser", current_setting('transaction_read_only') = 'on' as "isReadOnly",
         current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
           - coalesce(current_setting('reserved_connections', true)::integer, 0) as connections,
         r.rolconnlimit as "ownLimit", d.datconnlimit as "databaseLimit",
         current_setting('statement_timeout') as "statementTimeout",
         coalesce(current_setting('idle_session_timeout', true), '0') as "idleTimeout",
         coalesce((select s.setting::float8 from pg_settings as s where s.name = 'idle_session_timeout'), 0) as "idleTimeoutMs",
         current_setting('track_activities') = 'on' as "tracksActivities", current_setting('row_security') = 'on' as "filtersRows"
    from pg_roles as r cross join pg_database as d
   where r.rolname = current_user and d.datname = current_database()`

/** The database server, and how it is set for the connected user. */
export async function checkDatabase(client: pg.ClientBase): Promise<Finding[]> {
  const settings = (await client.query<Settings>(sql)).rows[0]
  if (!settings) throw new Error('the connected user is not in pg_roles')
  const { version, major, user } = settings
  const findings = new Findings('database')
  if (major >= oldest) findings.ok(`PostgreSQL ${version}`)
  else findings.missing(`PostgreSQL ${version} is too old: Rowcast needs ${oldest} or newer`)

  if (settings.isReadOnly)
    findings.missing(
      'the database is read-only, as a standby is: Rowcast keeps its sessions in it, so connect to the primary',
    )
  checkConnections(settings, findings)
  if (settings.statementTimeout !== '0')
    findings.hint(
      `statement_timeout is ${settings.statementTimeout} for ${user}: a table that takes longer to read cannot be followed`,
      `alter role ${user} set statement_timeout = 0;`,
    )
  // Connections that listen are asked something each few seconds.
  if (settings.idleTimeoutMs > 0 && settings.idleTimeoutMs < 10_000)
    findings.hint(
      `idle_session_timeout is ${settings.idleTimeout} for ${user}: connections are cut and made anew again and again`,
      `alter role ${user} set idle_session_timeout = 0;`,
    )
  if (!settings.tracksActivities)
    findings.hint(
      'track_activities is off: where several servers run, one that is frozen is not noticed by the others',
      `alter system set track_activities = on; select pg_reload_conf();`,
    )
  if (!settings.filtersRows)
    findings.missing(
      `row_security is off for ${user}: tables with row-level security cannot be read`,
      `alter role ${user} set row_security = on;`,
    )
  return findings.all
}

function checkConnections(settings: Settings, findings: Findings): void {
  const { user, connections, ownLimit, databaseLimit } = settings
  const limits = [connections, ownLimit, databaseLimit].filter((limit) => limit >= 0)
  const limit = Math.min(...limits)
  const text = `a server takes up to ${connectionsPerServer} connections, and ${user} may have ${limit}`
  const remedy =
    limit === ownLimit
      ? `alter role ${user} connection limit -1;`
      : 'raise max_connections in postgresql.conf, and restart PostgreSQL'
  if (limit < connectionsPerServer) findings.missing(text, remedy)
  else if (limit < 2 * connectionsPerServer)
    findings.hint(`${text}: during a deploy, servers of both releases run`, remedy)
  else findings.ok(`${text}, with others`)
}
