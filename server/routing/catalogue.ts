import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import { formatRelationId } from '../../shared/identifiers.ts'
import type { Identity } from '../session/identity.ts'
import { readRowSecurity, type RowSecurity } from '../policies/row-security.ts'

export interface ColumnInfo {
  readonly name: string
  /** As SQL writes it in a cast, e.g. `integer`, `public.mood`; without a length, which would cut what it casts. */
  readonly type: string
  /** Two values are equal in SQL exactly when their JSON encodings are: an index on the encoding decides. */
  readonly isIndexable: boolean
  /** An array or a composite type: its JSON is no text that a cast would read. */
  readonly isCompound: boolean
  /** The operator by which an index finds it, with its schema if that may be another than PostgreSQL's own. */
  readonly equals: string
}

/**
 * What a tracked relation is to a role, as far as reading and routing need to know it: a column that the role may not
 * select is not in it. Replaced when its shape changes.
 */
export interface RelationInfo {
  readonly id: number
  readonly oid: number
  readonly role: string
  readonly schema: string
  readonly relation: string
  /** The canonical text of schema and relation. */
  readonly name: string
  /** Both as SQL wants them, which quotes more. */
  readonly sqlName: string
  /** Those that the role may select; the key's are among them. */
  readonly columns: ReadonlyMap<string, ColumnInfo>
  /** To these, what the change log says of a row is cut. Null: nothing is hidden, and the log's text goes through unread. */
  readonly visible: ReadonlySet<string> | null
  /** In the order of the primary key. */
  readonly keyColumns: readonly string[]
  /** SQL over the alias `t`: the row's visible columns as JSON, its key as text. */
  readonly rowExpression: string
  readonly keyExpression: string
  /** Which rows the role may see, and on what that depends. Null: all. */
  readonly security: RowSecurity | null
  /** Changes with the visible columns and the key. */
  readonly shape: string
  /**
   * Another one for each role. Changes with the shape, the name, what is left out for everyone, row security and its policies,
   * the grants and what the role is a member of: with it, what was allowed is asked again.
   */
  readonly state: string
  /**
   * The last transaction that may have given the role what it may read of it, by its id (`xid8`) as text. Null if that cannot be
   * told, since the role is exempt from row security, and PostgreSQL does not say since when.
   */
  readonly rightsSince: string | null
}

/**
 * SQL of what `RelationInfo.state` has for every role, over `c`, a row of pg_class, and `n`, its pg_namespace. Short, since feeds are
 * found by it.
 */
const sharedStateExpression = `md5(concat_ws(' ', c.relname, n.nspname, event.shape(c.oid), event.excepted_columns(c.oid),
  c.relrowsecurity, c.relforcerowsecurity, c.relowner, c.relacl, n.nspacl,
  case when c.relrowsecurity then (select event.row_security_state()) end,
  (select string_agg(a.attname || a.attacl::text, ' ' order by a.attnum) from pg_attribute as a
    where a.attrelid = c.oid and a.attacl is not null)))`

// Types of which equal values have one encoding only. Not numeric (1.0 = 1.00), floats (-0 = 0),
// citext, nor text under a collation that is not deterministic.
const indexableTypes = [
  'bool',
  'int2',
  'int4',
  'int8',
  'oid',
  'text',
  'varchar',
  'uuid',
  'date',
  'timestamp',
  'timestamptz',
  'name',
]

/**
 * SQL of `RelationInfo.rightsSince` over `c`, `n` and `$3`, the role. A row of the catalogue keeps the lower half of the transaction
 * id that wrote it; what is so old that it is taken for another is taken for a later one.
 */
const rightsSinceExpression = `case when not (c.relrowsecurity and exists (
    select from pg_roles as o where o.rolname = $3 and (o.rolbypassrls or o.rolsuper))) then (
  select max(x.next - ((x.next - w.xid::text::bigint) & 4294967295))::text
    from (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next) as x
   cross join lateral (
     select c.xmin union all select n.xmin
     union all
     select a.xmin from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0
     union all
     select m.xmin from pg_auth_members as m
      where m.member in (
        with recursive acts_as as (
          select o.oid from pg_roles as o where o.rolname = $3
          union
          select g.roleid from pg_auth_members as g join acts_as as a on a.oid = g.member
        )
        select a.oid from acts_as as a)
   ) as w (xid)) end`

// Of the columns, those that are there for the role.
const relationSql = `
  select r.id, c.oid::int8::text as oid, n.nspname as schema, c.relname as relation,
         format('%I.%I', n.nspname, c.relname) as "sqlName",
         event.key_columns(c.oid) as "keyColumns",
         concat_ws(' ', (select s.state from event.role_states(array[$3]) as s), ${sharedStateExpression}) as state,
         ${rightsSinceExpression} as "rightsSince",
         event.shape(c.oid) || coalesce(' but ' || md5(v.hidden::text), '') as shape,
         event.row_expression(c.oid::regclass, 't', case when v.hidden is not null then v.names end) as "rowExpression",
         event.key_expression(c.oid::regclass, 't') as "keyExpression",
         v.columns, v.hidden is null as "isWhole"
    from event.tracked_relation as r
    join pg_class as c on c.oid = r.oid
    join pg_namespace as n on n.oid = c.relnamespace
   cross join lateral (
     select array_agg(a.attname::text order by a.attnum) filter (where a.may_select) as names,
            array_agg(a.attname::text order by a.attnum) filter (where not a.may_select) as hidden,
            json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, -1), 'isCompound', t.typcategory in ('A', 'C'),
              'equals', coalesce((
                select format('operator(%I.%s)', s.nspname, e.oprname)
                  from pg_opclass as k
                  join pg_am as m on m.oid = k.opcmethod and m.amname = 'btree'
                  join pg_amop as p on p.amopfamily = k.opcfamily and p.amoplefttype = t.oid and p.amoprighttype = t.oid and p.amopstrategy = 3
                  join pg_operator as e on e.oid = p.amopopr
                  join pg_namespace as s on s.oid = e.oprnamespace
                 where k.opcintype = t.oid and k.opcdefault and t.typnamespace <> 'pg_catalog'::regnamespace), '='),
              'isIndexable', (t.typtype = 'e' or t.typname = any ($2))
                and coalesce((select l.collisdeterministic from pg_collation as l where l.oid = a.attcollation), true))
              order by a.attnum) filter (where a.may_select) as columns
       from (select a.*, has_column_privilege($3, a.attrelid, a.attnum, 'select') and a.attname <> all (x.names) as may_select
               from pg_attribute as a cross join (select event.excepted_columns(c.oid)) as x (names)
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as a
       join pg_type as t on t.oid = a.atttypid) as v
   where r.oid = $1`

// Not by to_regclass, which asks for rights of the server's own user.
const accessSql = `
  select c.oid::int8::text as oid, c.relkind::text as kind,
         format('%I.%I', n.nspname, c.relname) as name, n.nspname = any (array['meta', 'event']) as "isOurs",
         exists (select from event.tracked_relation as r where r.oid = c.oid) as "isTracked",
         event.key_columns(c.oid) is not null as "hasKey",
         has_schema_privilege($2, n.oid, 'usage') as "mayUseSchema",
         has_any_column_privilege($2, c.oid, 'select') as "maySelectAny",
         (select string_agg(quote_ident(k.name), ', ') from unnest(event.key_columns(c.oid)) as k (name)
           where not has_column_privilege($2, c.oid, k.name, 'select') or k.name = any (x.names)) as "hiddenKey",
         quote_ident($3) as column, coalesce($3 = any (x.names), false) as "isExcepted",
         (select has_column_privilege($2, c.oid, a.attnum, 'select') from pg_attribute as a
           where a.attrelid = c.oid and a.attname = $3 and a.attnum > 0 and not a.attisdropped) as "maySelectColumn"
    from parse_ident($1) as i (parts)
    join pg_namespace as n on n.nspname = case cardinality(i.parts) when 1 then 'public' when 2 then i.parts[1]::name end
    join pg_class as c on c.relnamespace = n.oid and c.relname = i.parts[cardinality(i.parts)]::name
   cross join lateral (select event.excepted_columns(c.oid)) as x (names)`

/**
 * Answers whether an identity may follow a relation, or one column of it, and what the relation is to its role.
 *
 * What the role may not read and what there is not are one answer, to the letter. The `cause` of such an error, which is
 * for the server's log and for whoever has read it before, says what to grant.
 *
 * @throws {RowcastError} `relation_not_found`, `column_not_found`, `permission_denied`, `not_subscribable`,
 *   `not_tracked` or `no_primary_key`; each message says what to do.
 */
export async function readRelation(
  client: pg.Pool,
  relation: string,
  column: string | null,
  { role }: Identity,
): Promise<RelationInfo> {
  const access = await client.query(accessSql, [relation, role, column]).then(
    ({ rows }) => rows[0],
    (error: { code?: string }) => {
      if (error.code === '42704') throw new RowcastError('permission_denied', `there is no role ${role}`)
      if (error.code === '22023') return undefined // no name at all
      throw error
    },
  )
  if (!access) throw unknownRelation(relation)
  const { name } = access
  const denied = (what: string, grant: string) =>
    new RowcastError('permission_denied', `role ${role} may not ${what}: ${grant} to ${role}`)
  if (!access.mayUseSchema)
    throw unknownRelation(relation, denied(`use the schema of ${name}`, 'grant usage on it'))
  if (!access.maySelectAny) throw unknownRelation(relation, denied(`read ${name}`, `grant select on ${name}`))
  if (access.isOurs)
    throw new RowcastError('not_subscribable', `${name} belongs to Rowcast itself and cannot be followed`)
  if (access.kind !== 'r' && access.kind !== 'p')
    throw new RowcastError('not_subscribable', `${name} is not a table: only tables can be followed`)
  if (access.hiddenKey !== null)
    throw new RowcastError(
      'permission_denied',
      `${name} cannot be followed: its primary key, which names its rows, may not be read`,
      { cause: denied(`read the key of ${name}`, `grant select (${access.hiddenKey}) on ${name}`) },
    )
  if (column !== null && access.maySelectColumn === null) throw unknownColumn(name, column)
  if (column !== null && access.isExcepted)
    throw unknownColumn(
      name,
      column,
      new RowcastError(
        'permission_denied',
        `column ${access.column} of ${name} is left out by event.track()`,
      ),
    )
  if (column !== null && !access.maySelectColumn)
    throw unknownColumn(
      name,
      column,
      denied(`read column ${access.column} of ${name}`, `grant select (${access.column}) on ${name}`),
    )
  if (!access.isTracked)
    throw new RowcastError(
      'not_tracked',
      `${name} is not tracked: run select event.track('${name}') as its owner`,
    )
  if (!access.hasKey) throw withoutKey(name)
  return loadRelation(client, access.oid, role)
}

function unknownRelation(relation: string, cause?: unknown): RowcastError {
  return new RowcastError('relation_not_found', `there is no relation ${relation} that you may read`, {
    cause,
  })
}

/** It was tracked with one, which has been dropped since. */
function withoutKey(relation: string): RowcastError {
  return new RowcastError(
    'no_primary_key',
    `${relation} cannot be followed: it has no primary key any more, which would name its rows: alter table ${relation} add primary key (…)`,
  )
}

/** Says the same of a column that is hidden. */
export function unknownColumn(relation: string, column: string, cause?: unknown): RowcastError {
  return new RowcastError('column_not_found', `${relation} has no column ${column} that you may read`, {
    cause,
  })
}

async function loadRelation(client: pg.Pool, oid: string, role: string): Promise<RelationInfo> {
  const row = (await client.query(relationSql, [oid, indexableTypes, role])).rows[0]
  if (!row) throw new RowcastError('not_tracked', `relation ${oid} is not tracked any more`)
  const { isWhole, ...relation } = row
  const columns = new Map<string, ColumnInfo>(row.columns?.map((column: ColumnInfo) => [column.name, column]))
  const name = formatRelationId(row)
  if (!relation.keyColumns) throw withoutKey(relation.sqlName)
  if (!relation.keyColumns.every((column: string) => columns.has(column))) throw unknownRelation(name) // since a moment ago
  return {
    ...relation,
    oid: Number(oid),
    role,
    name,
    columns,
    security: await readRowSecurity(client, Number(oid), role),
    visible: isWhole ? null : new Set(columns.keys()),
  }
}

/** SQL over the alias `t` that gives `{column: value}` as JSON. */
export async function fieldExpression(
  client: pg.ClientBase | pg.Pool,
  relation: RelationInfo,
  column: string,
): Promise<string> {
  const { rows } = await client.query(`select event.field_expression($1::oid::regclass, 't', $2) as sql`, [
    relation.oid,
    column,
  ])
  return rows[0].sql
}

// What all roles share is worked out once for each relation, and what is a role's own once for each role.
const statesSql = `
  with
    shared as materialized (
      select r.id, ${sharedStateExpression} as state
        from event.tracked_relation as r
        join pg_class as c on c.oid = r.oid
        join pg_namespace as n on n.oid = c.relnamespace
       where r.id = any ($1)
    )
  select case when s.id is not null then concat_ws(' ', own.state, s.state) end as state
    from unnest($1::int[], $2::text[]) with ordinality as a (id, role, n)
    left join shared as s on s.id = a.id
    left join event.role_states($2) as own on own.role = a.role
   order by a.n`

/** The states that these are in now, in their order. Null of what is not tracked any more, or is gone. */
export async function readStates(
  client: pg.ClientBase | pg.Pool,
  relations: readonly Pick<RelationInfo, 'id' | 'role'>[],
): Promise<(string | null)[]> {
  const values = [relations.map(({ id }) => id), relations.map(({ role }) => role)]
  const { rows } = await client.query({ name: 'rowcast_states', text: statesSql, values })
  return rows.map(({ state }) => state)
}
