import type pg from 'pg'
import type { Installation } from '../db/installation.ts'
import { release } from '../release.ts'
import { Findings, type Finding } from './finding.ts'

/** Of `event.server_grants()`, what the connected user has not. */
const missingSql = `
  select g.kind, g.object, p.name as privilege
    from event.server_grants() as g
   cross join unnest(g.privileges) as p (name)
   where not case g.kind
     when 'schema' then has_schema_privilege(g.object, p.name)
     when 'table' then has_table_privilege(g.object, p.name)
     when 'sequence' then has_sequence_privilege(g.object, p.name)
     when 'function' then has_function_privilege(g.object, p.name)
   end`

/** Whether Rowcast's schemas are there, up to date, and the connected user's to use. */
export async function checkSchemas(client: pg.ClientBase, found: Installation): Promise<Finding[]> {
  const findings = new Findings('schemas')
  const { owner, isOwner, isServer, state } = found
  const migrate = `rowcast migrate --server-role ${found.user}`
  if (owner === null) {
    findings.missing("Rowcast's schemas are not in this database", `${migrate}   # as the database's owner`)
    return findings.all
  }
  if (state === 'current') findings.ok(`of this release, ${release}; owned by ${owner}`)
  else if (state === 'newer')
    findings.hint(`of release ${found.release}, which is newer than this one, ${release}`)
  else if (isServer || isOwner)
    findings.missing(`not of this release, ${release}`, `rowcast migrate   # as ${owner}`)

  if (!isServer && !isOwner) {
    findings.missing(`${found.user} may not run servers`, `${migrate}   # as ${owner}`)
    return findings.all
  }
  const { rows } =
    state === 'current'
      ? await client.query<{ kind: string; object: string; privilege: string }>(missingSql)
      : { rows: [] }
  const lacking = rows.map(({ kind, object, privilege }) => `${privilege} on ${kind} ${object}`)
  if (lacking.length > 0)
    findings.missing(`${found.user} lacks ${lacking.join(', ')}`, `${migrate}   # as ${owner}`)
  else if (state === 'current') findings.ok(`${found.user} has the grants that a server needs`)
  const { rows: users } = await client.query<{ isSuperuser: boolean }>(
    'select rolsuper as "isSuperuser" from pg_roles where rolname = current_user',
  )
  if (users[0]?.isSuperuser)
    findings.hint(
      `${found.user} is a superuser, which a server need not be: let it run as a role of its own`,
      'rowcast migrate --server-role rowcast_server',
    )
  return findings.all
}
