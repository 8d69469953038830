import type pg from 'pg'
import { sqlStates } from '../../shared/errors.ts'
import { isLater, release } from '../release.ts'
import { sqlStateOf } from './failures.ts'
import { migrate, readOnlyError } from './migrate.ts'
import { readSqlFiles } from './sql-files.ts'

/** Rowcast's schemas in a database, as the connected user finds them. */
export interface Installation {
  /** `outdated`: or not there at all. `newer`: a later release has been here. */
  readonly state: 'current' | 'newer' | 'outdated'
  /** Null if that is not known. */
  readonly release: string | null
  /** Null if there are no schemas yet. */
  readonly owner: string | null
  /** May the user change the schemas? */
  readonly isOwner: boolean
  /** May the user run a server, as far as the schemas are concerned? See `event.grant_server`. */
  readonly isServer: boolean
  readonly user: string
  /** As a standby is. */
  readonly isReadOnly: boolean
}

const stateSql = `
  select current_user::text as user, pg_get_userbyid(n.nspowner)::text as owner, coalesce(pg_has_role(n.nspowner, 'usage'), false) as "isOwner",
         current_setting('transaction_read_only') = 'on' as "isReadOnly",
         coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(s.oid, 'delete'), false) as "isServer",
         coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(i.oid, 'select'), false) as "isTold"
    from (values ('event')) as e (name)
    left join pg_namespace as n on n.nspname = e.name
    left join pg_class as s on s.relnamespace = n.oid and s.relname = 'session'
    left join pg_class as i on i.relnamespace = n.oid and i.relname = 'installation'`

export async function readInstallation(client: pg.ClientBase): Promise<Installation> {
  const { isTold, ...found } = (await client.query(stateSql)).rows[0]
  const { rows } = await client.query<{ release: string; digest: string }>(
    isTold ? 'select release, digest from event.installation' : 'select where false',
  )
  const [installed] = rows
  const { digest } = await readSqlFiles()
  return {
    ...found,
    release: installed?.release ?? null,
    state:
      installed?.digest === digest
        ? 'current'
        : installed && isLater(installed.release, release)
          ? 'newer'
          : 'outdated',
  }
}

/**
 * Makes sure that a server can go on with Rowcast's schemas: brings them up to date if its user owns them. What a later
 * release has brought is left as it is: during a deploy, servers of both run.
 *
 * @throws {Error} that says what to do, if the schemas are not up to date and the user may not change them
 */
export async function ensureInstalled(client: pg.ClientBase): Promise<Installation> {
  const found = await readInstallation(client)
  const { state, owner, isOwner, isServer, user } = found
  if (found.isReadOnly) throw readOnlyError()
  if (owner !== null && !isOwner && !isServer)
    throw new Error(
      `role ${user} may not run a Rowcast server on this database: ` +
        `run \`rowcast migrate --server-role ${user}\` as ${owner}, who owns Rowcast's schemas`,
    )
  if (state !== 'outdated') {
    await client.query('select event.refresh_capture()')
    return found
  }
  if (owner !== null && !isOwner)
    throw new Error(
      `Rowcast's schemas in this database are not those of release ${release}, and role ${user} may not ` +
        `change them: run \`rowcast migrate\` as ${owner}, who owns them`,
    )
  try {
    await migrate(client)
  } catch (error) {
    if (owner !== null || sqlStateOf(error) !== sqlStates.permission_denied) throw error
    throw new Error(
      `Rowcast's schemas are not in this database, and role ${user} may not create them: ` +
        `run \`rowcast migrate --server-role ${user}\` as the database's owner`,
      { cause: error },
    )
  }
  return { ...found, state: 'current', release, isServer: true }
}
