import type pg from 'pg'
import { readPolicies, type PolicedRelation } from '../policies/read-policies.ts'
import { readRowSecurity, type RowSecurity } from '../policies/row-security.ts'
import { quote } from '../routing/select.ts'
import type { ClientRole } from './check-roles.ts'
import { Findings, type Finding } from './finding.ts'

interface Table {
  readonly oid: number
  /** As SQL writes it. */
  readonly name: string
  readonly isThere: boolean
  readonly isCurrent: boolean
  readonly key: string | null
  /** Rowcast's owner may read it, which capture of truncate needs. */
  readonly isReadable: boolean
  readonly hasTriggers: boolean
  /** Partitions without triggers of their own. */
  readonly newPartitions: readonly string[]
  readonly hasRowSecurity: boolean
  readonly owner: string
  readonly policies: number
  /** Partitions with policies, though the table has none. */
  readonly securedPartitions: readonly string[]
}

const tablesSql = `
  with member as (
    select t.id, p.oid::oid as oid, (
      select count(*) = 5 from pg_trigger as g
       where g.tgrelid = p.oid and g.tgenabled = 'A'
         and g.tgname in ('rowcast_open', 'rowcast_insert', 'rowcast_update', 'rowcast_delete', 'rowcast_truncate')
    ) as is_captured
      from event.tracked_relation as t join pg_class as c on c.oid = t.oid
     cross join event.partitions(t.oid) as p (oid)
  )
  select t.oid::int8::float8 as oid, format('%I.%I', coalesce(n.nspname, t.schema_name), coalesce(c.relname, t.relation_name)) as name,
         c.oid is not null as "isThere", t.capture_version = event.capture_version(t.oid) as "isCurrent",
         (select array_to_string(t.key_columns, ', ') from pg_index as i where i.indrelid = c.oid and i.indisprimary) as key,
         has_table_privilege(event.keeper(), c.oid, 'select') and has_schema_privilege(event.keeper(), n.oid, 'usage') as "isReadable",
         (select m.is_captured from member as m where m.id = t.id and m.oid = c.oid) as "hasTriggers",
         array(select m.oid::regclass::text from member as m where m.id = t.id and m.oid <> c.oid and not m.is_captured order by 1) as "newPartitions",
         c.relrowsecurity as "hasRowSecurity", quote_ident(pg_get_userbyid(c.relowner)) as owner,
         (select count(*)::integer from pg_policy as p where p.polrelid = c.oid and p.polcmd in ('r', '*') and p.polpermissive) as policies,
         array(select m.oid::regclass::text from member as m join pg_class as x on x.oid = m.oid
                where m.id = t.id and m.oid <> c.oid and x.relrowsecurity and not c.relrowsecurity order by 1) as "securedPartitions"
    from event.tracked_relation as t
    left join pg_class as c on c.oid = t.oid
    left join pg_namespace as n on n.oid = c.relnamespace
   where t.oid is not null
   order by name`

/** Words in the names of columns that had better stay in the database. */
const secretWords =
  '(pass(word|wd|phrase)|secret|token|api_?key|private_?key|credential|(^|_)(pwd|salt|otp|pin|cvv|ssn)(_|$)|_hash$)'

/** Such columns, and all that event.track() is to be told for them to be left out beside what is left out already. */
const secretsSql = `
  with
    excepted as (select event.excepted_columns($1) as names),
    secret as (
      select a.attname::text as name, array_agg(quote_ident(r.name) order by r.name) as roles,
             exists (select from pg_index as i where i.indrelid = $1 and i.indisprimary and a.attnum = any (i.indkey)) as is_key
        from pg_attribute as a cross join unnest($2::text[]) as r (name)
       where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attname ~* $3
         and a.attname <> all (array(select unnest(e.names) from excepted as e))
         and has_column_privilege(r.name, a.attrelid, a.attnum, 'select')
       group by a.attname, a.attnum
    )
  select quote_ident(s.name) as column, s.roles, s.is_key as "isKey",
         format('%L', (select e.names from excepted as e) || array(select o.name from secret as o where not o.is_key order by o.name)) as except
    from secret as s order by s.name`

interface Secret {
  readonly column: string
  readonly roles: readonly string[]
  /** Of the primary key: it names the rows, and cannot be left out. */
  readonly isKey: boolean
  /** The same for all of a table, as SQL writes it. */
  readonly except: string
}

/** Whether tracked tables are captured in good order, and who sees what of them. */
export async function checkTables(client: pg.ClientBase, roles: readonly ClientRole[]): Promise<Finding[]> {
  const findings = new Findings('tables')
  const { rows: tables } = await client.query<Table>(tablesSql)
  if (tables.length === 0)
    findings.hint('no table is tracked yet', "select event.track('message');   -- as its owner")
  for (const table of tables) {
    if (!table.isThere) {
      findings.hint(`${table.name} has been dropped`, 'select event.refresh_capture();')
      continue
    }
    checkCapture(table, findings)
    await checkRowSecurity(client, table, roles, findings)
    await checkSecrets(client, table, roles, findings)
  }
  return findings.all
}

function checkCapture(table: Table, findings: Findings): void {
  const { name, key, owner } = table
  const track = `select event.track('${name.replaceAll("'", "''")}');   -- as ${owner}`
  if (key === null)
    findings.missing(`${name} has no primary key any more`, `alter table ${name} add primary key (…);`, track)
  else if (!table.hasTriggers)
    findings.missing(`${name} is not captured: triggers are missing or disabled`, track)
  else if (!table.isReadable)
    findings.missing(`${name} is captured but for truncate: Rowcast's owner may not read it`, track)
  else findings.ok(`${name} is captured; its key is (${key})`)
  if (!table.isCurrent)
    findings.hint(
      `${name} has been altered, and is captured more slowly until capture is made anew`,
      'select event.refresh_capture();',
    )
  if (table.newPartitions.length > 0)
    findings.hint(
      `${name} has new partitions, of which what is written to them by name goes unseen: ${table.newPartitions.join(', ')}`,
      track,
    )
}

async function checkRowSecurity(
  client: pg.ClientBase,
  table: Table,
  roles: readonly ClientRole[],
  findings: Findings,
): Promise<void> {
  const { name, owner } = table
  if (table.securedPartitions.length > 0)
    findings.hint(
      `${name} has no row-level security, though partitions of it have: who reads them by way of ${name} sees all rows`,
      `alter table ${name} enable row level security;`,
    )
  if (!table.hasRowSecurity) return
  if (table.policies === 0)
    findings.hint(`${name} has row-level security and no policy to select by: nobody sees its rows`)

  const exempt: string[] = []
  const views: View[] = []
  for (const role of roles.filter(isSubject)) {
    const security = await readRowSecurity(client, table.oid, role.name)
    if (!security) exempt.push(role.name)
    else views.push({ security, reads: [...(await readPolicies(client, table.oid, role.name)).values()] })
  }
  if (exempt.length > 0)
    findings.hint(
      `policies of ${name} do not apply to ${exempt.join(', ')}, who may act as its owner`,
      `alter table ${name} force row level security;   -- as ${owner}`,
    )
  checkObserved(name, views, findings)
  if (views.length > 0) await checkCost(client, name, views, findings)
}

/** How row security looks to one role. */
interface View {
  readonly security: RowSecurity
  /** The table and what its policies read. */
  readonly reads: readonly PolicedRelation[]
}

function isSubject({ exists, isSuperuser, bypassesRowSecurity }: ClientRole): boolean {
  return exists && !isSuperuser && !bypassesRowSecurity
}

function checkObserved(name: string, views: readonly View[], findings: Findings): void {
  const unobserved = new Set(views.flatMap(({ security }) => security.unobserved))
  if (unobserved.size === 0) return
  const untracked = views.flatMap(({ reads }) =>
    reads.filter(({ kind, trackedId }) => isTable(kind) && trackedId === null),
  )
  findings.hint(
    `policies of ${name} read what no change log tells, so who sees what is asked again and again: ${[...unobserved].join(', ')}`,
    ...new Set(
      untracked.map(
        (each) => `select event.track('${sqlName(each).replaceAll("'", "''")}');   -- as its owner`,
      ),
    ),
  )
}

function isTable(kind: string): boolean {
  return kind === 'r' || kind === 'p'
}

/** Whether PostgreSQL can be asked for all clients at once who sees a row. */
async function checkCost(
  client: pg.ClientBase,
  name: string,
  views: readonly View[],
  findings: Findings,
): Promise<void> {
  const oneByOne = `who sees a row of ${name} is asked for one client after the other`
  if (views.every(({ security }) => security.join))
    return findings.ok(`who sees a row of ${name} is asked for all clients at once`)
  if (views.some(({ security }) => security.isOpaque))
    return findings.hint(`${oneByOne}: its policies call functions that cannot be looked into`)
  const closed = views.flatMap(({ security, reads }) =>
    security.join ? [] : reads.filter((each) => !each.isOpenToServer),
  )
  if (closed.length === 0 || !views.every(({ security }) => security.claims))
    return findings.hint(`${oneByOne}: its policies are not plain enough to be asked of all at once`)
  const { rows } = await client.query<{ user: string }>('select quote_ident(current_user) as user')
  const user = rows[0]?.user ?? ''
  findings.hint(
    `${oneByOne}. With thousands of them it is faster if the server's user is exempt from row-level security and may read what policies read`,
    `alter role ${user} bypassrls;`,
    ...new Set(closed.map((each) => `grant usage on schema ${quoteName(each.schema)} to ${user};`)),
    ...new Set(closed.map((each) => `grant select on ${sqlName(each)} to ${user};`)),
  )
}

function sqlName({ schema, name }: PolicedRelation): string {
  return `${quoteName(schema)}.${quoteName(name)}`
}

function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quote(name)
}

async function checkSecrets(
  client: pg.ClientBase,
  { oid, name }: Table,
  roles: readonly ClientRole[],
  findings: Findings,
): Promise<void> {
  const names = roles.filter(({ exists, isSuperuser }) => exists && !isSuperuser).map((role) => role.name)
  const { rows } = await client.query<Secret>(secretsSql, [oid, names, secretWords])
  const said = ({ column, roles: readers }: Secret) => `${column}, which ${readers.join(', ')} may read`
  for (const secret of rows.filter(({ isKey }) => isKey))
    findings.hint(
      `${name} has a key named like a secret, which cannot be left out since it names the rows: ${said(secret)}`,
    )
  const secrets = rows.filter(({ isKey }) => !isKey)
  const [first] = secrets
  if (!first) return
  // One statement says all: each call takes the place of what was left out before.
  findings.hint(
    `${name} has columns named like secrets: ${secrets.map(said).join('; ')}`,
    `select event.track('${name.replaceAll("'", "''")}', "except" => ${first.except});   -- kept out of the change log`,
  )
}
