import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import { formatRelationId } from '../../shared/identifiers.ts'
import type { Identity } from '../session/identity.ts'

export interface ColumnInfo {
  readonly name: string
  /** As SQL writes it in a cast, e.g. `integer`, `public.mood`; without a length, which would cut what it casts. */
  readonly type: string
  /** Two values are equal in SQL exactly when their JSON encodings are: an index on the encoding decides. */
  readonly isIndexable: boolean
  /** An array or a composite type: its JSON is no text that a cast would read. */
  readonly isCompound: boolean
}

/** A tracked relation as far as reading and routing need to know it. Replaced when its shape changes. */
export interface RelationInfo {
  readonly id: number
  readonly oid: number
  readonly schema: string
  readonly relation: string
  /** The canonical text of schema and relation. */
  readonly name: string
  /** Both as SQL wants them, which quotes more. */
  readonly sqlName: string
  readonly columns: ReadonlyMap<string, ColumnInfo>
  /** In the order of the primary key. */
  readonly keyColumns: readonly string[]
  /** SQL over the alias `t`: the row as JSON, its key as text. */
  readonly rowExpression: string
  readonly keyExpression: string
  /** Changes with the columns and the key. */
  readonly shape: string
  /** Changes with the shape, the name, row security, the grants and who is a member of which role: with it, what was allowed is asked again. */
  readonly state: string
}

/** SQL of `RelationInfo.state` over `c`, a row of pg_class, and `n`, its pg_namespace. */
const stateExpression = `concat_ws(' ', c.relname, n.nspname, event.shape(c.oid), c.relrowsecurity, c.relowner, c.relacl, n.nspacl,
  (select md5(string_agg(m.roleid || '>' || m.member, ' ' order by m.roleid, m.member)) from pg_auth_members as m),
  (select string_agg(a.attname || a.attacl::text, ' ' order by a.attnum) from pg_attribute as a
    where a.attrelid = c.oid and a.attacl is not null))`

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

const relationSql = `
  select r.id, c.oid::int8::text as oid, n.nspname as schema, c.relname as relation,
         format('%I.%I', n.nspname, c.relname) as "sqlName",
         r.key_columns as "keyColumns", event.shape(c.oid) as shape, ${stateExpression} as state,
         event.row_expression(c.oid::regclass, 't') as "rowExpression",
         event.key_expression(c.oid::regclass, 't') as "keyExpression",
         (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, -1), 'isCompound', t.typcategory in ('A', 'C'),
                   'isIndexable', (t.typtype = 'e' or t.typname = any ($2))
                     and coalesce((select l.collisdeterministic from pg_collation as l where l.oid = a.attcollation), true))
                 order by a.attnum)
            from pg_attribute as a join pg_type as t on t.oid = a.atttypid
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
    from event.tracked_relation as r
    join pg_class as c on c.oid = r.oid
    join pg_namespace as n on n.oid = c.relnamespace
   where r.oid = $1`

const accessSql = `
  select c.oid::int8::text as oid, c.relkind::text as kind, c.relrowsecurity as "hasRowSecurity",
         format('%I.%I', n.nspname, c.relname) as name, n.nspname = any (array['meta', 'event']) as "isOurs",
         exists (select from event.tracked_relation as r where r.oid = c.oid) as "isTracked",
         has_schema_privilege($2, n.oid, 'usage') as "mayUseSchema",
         has_table_privilege($2, c.oid, 'select') as "maySelect",
         $3::text is null or exists (select from pg_attribute as a where a.attrelid = c.oid and a.attname = $3
           and a.attnum > 0 and not a.attisdropped) as "hasColumn",
         coalesce((select has_column_privilege($2, c.oid, a.attnum, 'select') from pg_attribute as a
           where a.attrelid = c.oid and a.attname = $3 and a.attnum > 0 and not a.attisdropped), false)
           and (select bool_and(has_column_privilege($2, c.oid, k.attnum, 'select'))
             from pg_index as i cross join unnest(i.indkey) as k (attnum) where i.indrelid = c.oid and i.indisprimary)
           as "maySelectColumn"
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
   where c.oid = to_regclass($1)`

/**
 * Answers whether an identity may follow a relation, or one column of it, and what the relation looks like.
 *
 * @throws {RowcastError} `relation_not_found`, `column_not_found`, `permission_denied`, `not_subscribable`,
 *   `not_tracked` or `row_security_unsupported`; each message says what to do.
 */
export async function readRelation(
  client: pg.ClientBase | pg.Pool,
  relation: string,
  column: string | null,
  identity: Identity,
): Promise<RelationInfo> {
  const access = await client.query(accessSql, [relation, identity.role, column]).then(
    ({ rows }) => rows[0],
    (error: { code?: string }) => {
      if (error.code === '42704')
        throw new RowcastError('permission_denied', `there is no role ${identity.role}`)
      if (error.code === '42601' || error.code === '42602' || error.code === '0A000') return undefined // no name at all
      throw error
    },
  )
  if (!access) throw new RowcastError('relation_not_found', `there is no relation ${relation}`)
  const { name } = access
  if (access.isOurs)
    throw new RowcastError('not_subscribable', `${name} belongs to Rowcast itself and cannot be followed`)
  if (access.kind !== 'r' && access.kind !== 'p')
    throw new RowcastError('not_subscribable', `${name} is not a table: only tables can be followed`)
  if (!access.mayUseSchema || !(access.maySelect || (column !== null && access.maySelectColumn)))
    throw new RowcastError(
      'permission_denied',
      `role ${identity.role} may not read ${name}${column === null ? '' : ` column ${column}`}: grant it select on ${name}`,
    )
  if (!access.hasColumn) throw new RowcastError('column_not_found', `${name} has no column ${column}`)
  if (!access.isTracked)
    throw new RowcastError(
      'not_tracked',
      `${name} is not tracked: run select event.track('${name}') as its owner`,
    )
  if (access.hasRowSecurity)
    throw new RowcastError(
      'row_security_unsupported',
      `${name} has row security enabled, which live rows do not support yet: it cannot be followed`,
    )
  return loadRelation(client, access.oid)
}

async function loadRelation(client: pg.ClientBase | pg.Pool, oid: string): Promise<RelationInfo> {
  const row = (await client.query(relationSql, [oid, indexableTypes])).rows[0]
  if (!row) throw new RowcastError('not_tracked', `relation ${oid} is not tracked any more`)
  const columns: ColumnInfo[] = row.columns
  return {
    ...row,
    oid: Number(oid),
    name: formatRelationId(row),
    columns: new Map(columns.map((column) => [column.name, column])),
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

/** The state of each relation as it is now, by its id among the tracked. What is not tracked any more, or is gone, is not in it. */
export async function readStates(
  client: pg.ClientBase | pg.Pool,
  ids: readonly number[],
): Promise<Map<number, string>> {
  const text = `
    select r.id, ${stateExpression} as state
      from event.tracked_relation as r
      join pg_class as c on c.oid = r.oid
      join pg_namespace as n on n.oid = c.relnamespace
     where r.id = any ($1)`
  const { rows } = await client.query({ name: 'rowcast_states', text, values: [ids] })
  return new Map(rows.map(({ id, state }) => [id, state]))
}
