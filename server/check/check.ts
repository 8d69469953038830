import type pg from 'pg'
import { readInstallation } from '../db/installation.ts'
import { checkDatabase } from './check-database.ts'
import { checkRoles, readClientRoles } from './check-roles.ts'
import { checkSchemas } from './check-schemas.ts'
import { checkTables } from './check-tables.ts'
import type { Finding } from './finding.ts'

/**
 * Looks whether a server could run on a database as the connected user, and what its operator may want to know. Changes
 * nothing.
 *
 * @param roles that clients will have, as far as that is known
 */
export async function check(client: pg.ClientBase, roles: readonly string[] = []): Promise<Finding[]> {
  const installation = await readInstallation(client)
  const findings = [...(await checkDatabase(client)), ...(await checkSchemas(client, installation))]
  // What follows is asked of Rowcast's own functions.
  if (installation.state !== 'current' || findings.some(isAboutSchemas)) return findings
  const clientRoles = await readClientRoles(client, roles)
  return [
    ...findings,
    ...(await checkRoles(client, clientRoles)),
    ...(await checkTables(client, clientRoles)),
  ]
}

function isAboutSchemas({ topic, state }: Finding): boolean {
  return topic === 'schemas' && state === 'missing'
}
