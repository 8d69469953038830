import type { Identity } from '../server/session/identity.ts'
import { createPolicy, policyFunctions } from './policies.ts'
import { randomFrom, type Random } from './random.ts'
import { Rights, rightsSql } from './rights.ts'
import type { Roles } from './roles.ts'
import { createTable, markerRelation, randomTables, withPartitions, type AuditTable } from './tables.ts'

/** All that a seed says of a run before anybody writes. */
export interface World {
  readonly seed: number
  readonly roles: Roles
  readonly tables: readonly AuditTable[]
  readonly identities: readonly Identity[]
  /** Of these pairs both may use one session: role and subject are the same, other claims are not. */
  readonly twins: readonly (readonly [number, number])[]
  readonly rights: Rights
  /** Makes the database what it is. */
  readonly setup: readonly string[]
}

export function randomWorld(seed: number, roles: Roles): World {
  const random = randomFrom(seed, 'world')
  const tables = randomTables(random)
  const { identities, twins } = randomIdentities(random, roles)
  const rights = new Rights(random, tables, roles)
  const owners = tables.map((table) =>
    !table.isMembership && random.chance(0.4) ? roles.owner : 'current_user',
  )
  return {
    seed,
    roles,
    tables,
    identities,
    twins,
    rights,
    setup: [
      `create table ${markerRelation} (id integer primary key); select event.track('${markerRelation}');
       grant select on ${markerRelation} to public; grant create, usage on schema public to ${roles.owner};
       grant usage on schema public to public`,
      ...tables.map((table, i) => createTable(table, owners[i] ?? 'current_user')),
      policyFunctions,
      ...withPartitions(tables).flatMap((table) => rightsSql(rights, table)),
      ...rights.policies.map(createPolicy),
    ],
  }
}

function randomIdentities(random: Random, roles: Roles): Pick<World, 'identities' | 'twins'> {
  const identities: Identity[] = []
  const twins: [number, number][] = []
  const add = (role: string, sub: string, team: string, level: number, more: object = {}): number =>
    identities.push({ role, claims: { sub, team, level, ...more } }) - 1
  const first = add(roles.reader, 'u1', 't1', random.int(0, 4))
  twins.push([first, add(roles.reader, 'u1', 't2', random.int(0, 4), { banned: 't1' })])
  add(random.pick([roles.reader, roles.member]), 'u2', 't1', 2)
  add(roles.member, 'u3', 't3', random.int(0, 4), random.chance(0.5) ? { banned: 't2' } : {})
  const clerk = add(roles.clerk, 'u2', 't2', random.int(0, 4))
  if (random.chance(0.5)) twins.push([clerk, add(roles.clerk, 'u2', 't3', random.int(0, 4))])
  if (random.chance(0.4)) add(roles.owner, 'u4', 't1', 1)
  if (random.chance(0.3)) add(roles.auditor, 'u4', 't2', 4)
  return { identities, twins }
}
