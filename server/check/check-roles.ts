import type pg from 'pg'
import { Findings, type Finding } from './finding.ts'

/** A role that clients may have. */
export interface ClientRole {
  readonly name: string
  /** As SQL writes it. */
  readonly quoted: string
  /** It was named by who asks; the others are named by policies and grants of tracked tables. */
  readonly isNamed: boolean
  readonly exists: boolean
  readonly isSuperuser: boolean
  readonly bypassesRowSecurity: boolean
  /** The server may act as it. */
  readonly isAssumable: boolean
  /** A tracked table, or some columns of one. */
  readonly readsSomething: boolean
}

/** Membership by which a role can be set. PostgreSQL 16 tells it from other membership. */
const sql = `
  with tracked as (
    select c.oid, c.relacl, c.relnamespace from event.tracked_relation as t join pg_class as c on c.oid = t.oid
  ),
  named (oid) as (
    select g.grantee from tracked as t cross join aclexplode(t.relacl) as g where g.privilege_type = 'SELECT'
    union
    select g.grantee from tracked as t join pg_attribute as a on a.attrelid = t.oid cross join aclexplode(a.attacl) as g
     where a.attnum > 0 and g.privilege_type = 'SELECT'
    union
    select r.oid from tracked as t join pg_policy as p on p.polrelid = t.oid cross join unnest(p.polroles) as r (oid)
  )
  select w.name, quote_ident(w.name) as quoted, w."isNamed", r.oid is not null as exists, coalesce(r.rolsuper, false) as "isSuperuser",
         coalesce(r.rolbypassrls, false) as "bypassesRowSecurity", coalesce(pg_has_role(r.oid, $2), false) as "isAssumable",
         exists (select from tracked as t where has_any_column_privilege(r.oid, t.oid, 'select')
           and has_schema_privilege(r.oid, t.relnamespace, 'usage')) as "readsSomething"
    from (
      select n.name, true as "isNamed" from unnest($1::text[]) as n (name)
      union all
      select r.rolname::text, false from named as n join pg_roles as r on r.oid = n.oid
       where r.rolname <> all ($1) and not r.rolsuper and r.rolname not in (current_user, event.keeper()) and r.rolname !~ '^pg_'
         and not exists (select from tracked as t join pg_class as c on c.oid = t.oid where c.relowner = r.oid)
    ) as w
    left join pg_roles as r on r.rolname = w.name
   order by w."isNamed" desc, w.name`

export async function readClientRoles(
  client: pg.ClientBase,
  named: readonly string[],
): Promise<ClientRole[]> {
  const { rows } = await client.query<{ major: number }>(
    `select current_setting('server_version_num')::integer / 10000 as major`,
  )
  return (await client.query<ClientRole>(sql, [named, separatesSet(rows[0]?.major) ? 'set' : 'member'])).rows
}

function separatesSet(major = 0): boolean {
  return major >= 16
}

/** Whether the server may act as the roles of its clients, and what these may do. */
export async function checkRoles(client: pg.ClientBase, roles: readonly ClientRole[]): Promise<Finding[]> {
  const findings = new Findings('roles')
  const { rows } = await client.query<{ user: string; major: number }>(
    `select quote_ident(current_user) as user, current_setting('server_version_num')::integer / 10000 as major`,
  )
  const { user = '', major } = rows[0] ?? {}
  const grant = (role: string) =>
    `grant ${role} to ${user}${separatesSet(major) ? ' with inherit false, set true' : ''};`
  for (const role of roles) {
    const { name, quoted } = role
    if (!role.exists) findings.missing(`there is no role ${name}`, `create role ${quoted};`, grant(quoted))
    else if (role.isAssumable) findings.ok(`the server may act as ${name}`)
    else if (role.isNamed) findings.missing(`the server may not act as ${name}`, grant(quoted))
    else
      findings.hint(
        `the server may not act as ${name}, which policies or grants of tracked tables name; if authenticate() gives it:`,
        grant(quoted),
      )
    if (role.isSuperuser) findings.hint(`${name} is a superuser: clients who have it see everything`)
    else if (role.bypassesRowSecurity)
      findings.hint(`${name} bypasses row-level security: clients who have it see all rows`)
    else if (role.exists && role.isNamed && !role.readsSomething)
      findings.hint(`${name} may read no tracked table`, `grant select on … to ${quoted};`)
  }
  if (!roles.some(({ isAssumable }) => isAssumable))
    findings.hint(
      'the server may act as no role that policies or grants of tracked tables name: give it those that authenticate() gives',
      grant('app_user'),
    )
  return findings.all
}
