import type { FuncCall, Node, SelectStmt, SQLValueFunction, TypeName } from 'libpg-query'
import type pg from 'pg'
import { namesOf, parseStatement, walk } from './policy-ast.ts'

/** On what the value of an expression without columns depends: on nothing, on the claims, on the time, or on who knows what. */
export type Source = 'constant' | 'claims' | 'time' | 'unknown'

interface BuiltIn {
  readonly name: string
  readonly isImmutable: boolean
  readonly isAggregate: boolean
  readonly isSetReturning: boolean
}

interface OwnFunction {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** It is one plain SQL select, or what PostgreSQL made of one. Null if it cannot be looked into. */
  readonly body: string | null
}

/** Not immutable only because they write or read values as the session's settings say, and those are the same for all. */
const steady = new Set(
  `array_to_json array_to_string concat concat_ws date_part date_trunc extract format json_agg json_build_array
   json_build_object json_object_agg jsonb_agg jsonb_build_array jsonb_build_object jsonb_object_agg quote_literal
   quote_nullable row_to_json timezone to_char to_date to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector
   timestamptz timestamp date time timetz text overlaps current_database`.split(/\s+/),
)
const timely = new Set(['now', 'transaction_timestamp', 'statement_timestamp', 'age'])
/** They depend on whose question it is, which is as good as a claim. */
const personal = new Set(['current_user', 'session_user'])
const ownRole = new Set(['SVFOP_CURRENT_USER', 'SVFOP_CURRENT_ROLE', 'SVFOP_USER'])
const personalValues = new Set([...ownRole, 'SVFOP_SESSION_USER'])
const timelyValue = /^SVFOP_(CURRENT_DATE|CURRENT_TIME|LOCALTIME)/

/** Types of which a value is read from a text by what the text says, and by nothing else: not times, for there is 'now'. */
const plainTypes = new Set(
  `bool int2 int4 int8 numeric float4 float8 text varchar bpchar char name uuid json jsonb oid inet cidr bytea`.split(
    ' ',
  ),
)

/** Nodes that compute, and read nothing by themselves. */
const computing = new Set(
  `A_Const A_Expr A_ArrayExpr A_Indirection A_Indices A_Star Alias BoolExpr Boolean BooleanTest CaseExpr CaseWhen
   CoalesceExpr ColumnRef Float FuncCall Integer List MinMaxExpr NullTest ParamRef RangeFunction ResTarget RowExpr
   SelectStmt SQLValueFunction String SubLink TypeCast`.split(/\s+/),
)
const plainSelect = new Set(['targetList', 'fromClause', 'whereClause', 'limitOption', 'op'])
const plainCall = new Set(['funcname', 'args', 'funcformat', 'location', 'agg_star', 'agg_distinct'])

const builtInSql = `
  select p.proname as name, bool_and(p.provolatile = 'i') as "isImmutable", bool_or(p.prokind <> 'f') as "isAggregate",
         bool_or(p.proretset) as "isSetReturning"
    from pg_proc as p
   where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = any ($1)
   group by p.proname`

// With an operator of theirs on built-in types, or a function or type of the name of one that is built in, an
// unqualified name may mean theirs.
const shadowedSql = `
  select p.proname as name from pg_proc as p where p.proname = any ($1) and p.pronamespace <> 'pg_catalog'::regnamespace
  union
  select t.typname from pg_type as t where t.typname = any ($1) and t.typnamespace <> 'pg_catalog'::regnamespace
  union
  select o.oprname from pg_operator as o
   where o.oprname = any ($1) and o.oprnamespace <> 'pg_catalog'::regnamespace
     and not exists (select from pg_type as t where t.oid in (o.oprleft, o.oprright) and t.typnamespace <> 'pg_catalog'::regnamespace)`

const ownSql = `
  select p.oid::int8::text as oid, n.nspname as schema, p.proname as name,
         case when l.lanname = 'sql' and p.prokind = 'f' and not p.proretset and p.provolatile <> 'i'
              then coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) end as body
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    join pg_language as l on l.oid = p.prolang
   where (n.nspname, p.proname) in (select s.schema, s.name from unnest($1::name[], $2::name[]) as s (schema, name))`

/**
 * What is known of the functions that policies call: which of them read nothing but claims.
 *
 * A function of the application's is looked into if it is a plain SQL select from nowhere, as `auth.uid()` is everywhere.
 */
export class PolicyFunctions {
  readonly #builtIns = new Map<string, BuiltIn>()
  readonly #own = new Map<string, { function: OwnFunction; body: Node | null }>()
  readonly #shadowed = new Set<string>()
  readonly #asked = new Set<string>()

  /** Learns of all functions that these trees call, and of those that they call in turn. */
  async learn(client: pg.ClientBase | pg.Pool, trees: readonly Node[]): Promise<void> {
    for (let next = trees; next.length > 0;) next = await this.#learn(client, next)
  }

  /** True if what is built in may mean something else in an unqualified name, `=` above all. */
  isShadowed(name: string): boolean {
    return this.#shadowed.has(name)
  }

  builtIn(name: string): BuiltIn | undefined {
    return this.#builtIns.get(name)
  }

  /** The oid of a function of the application's, if there is one only of that name. */
  oidOf(name: string): number | undefined {
    return this.#own.get(name)?.function.oid
  }

  /** Of one call, its arguments aside. */
  sourceOfCall(call: FuncCall): Source {
    return this.#sourceOfCall(call, [])
  }

  sourceOfValue({ op }: SQLValueFunction): Source {
    if (personalValues.has(op ?? '')) return 'claims'
    return timelyValue.test(op ?? '') ? 'time' : 'unknown'
  }

  /** Of a select in a policy. It may not read a table, nor what is around it. */
  sourceOfSelect(select: Node): Source {
    const aliases = new Set<string>()
    walk(select, (type, node: { alias?: { aliasname?: string } }) => {
      if (type === 'RangeFunction') aliases.add(node.alias?.aliasname ?? '')
    })
    let isClosed = true
    walk(select, (type, { fields }: { fields?: Node[] }) => {
      if (type !== 'ColumnRef') return
      const names = namesOf(fields)
      if (names?.length !== 2 || !aliases.has(names[0] ?? '')) isClosed = false
    })
    return isClosed ? this.#sourceOf(select, []) : 'unknown'
  }

  async #learn(client: pg.ClientBase | pg.Pool, trees: readonly Node[]): Promise<Node[]> {
    const names = new Set<string>()
    const own = new Map<string, [string, string]>()
    const note = (parts: string[] | null) => {
      const [schema, name] = parts ?? []
      const known = parts?.join('.') ?? ''
      if (schema === undefined || this.#asked.has(known)) return
      this.#asked.add(known)
      if (name === undefined) names.add(schema)
      else if (schema === 'pg_catalog') names.add(name)
      else own.set(known, [schema, name])
    }
    walk(
      trees,
      (type, node: { funcname?: Node[]; name?: Node[]; operName?: Node[]; typeName?: TypeName }) => {
        if (type === 'FuncCall') note(namesOf(node.funcname))
        if (type === 'A_Expr') note(namesOf(node.name))
        if (type === 'SubLink') note(namesOf(node.operName))
        if (type === 'TypeCast') note(namesOf(node.typeName?.names))
        if (type === 'CaseExpr') note(['='])
      },
    )
    if (names.size === 0 && own.size === 0) return []
    // One after the other: it may be a single connection.
    const builtIns = await client.query<BuiltIn>(builtInSql, [[...names]])
    const shadowed = await client.query<{ name: string }>(shadowedSql, [[...names]])
    const found = await client.query<OwnFunction>(ownSql, [
      [...own.values()].map(([schema]) => schema),
      [...own.values()].map(([, name]) => name),
    ])
    for (const each of builtIns.rows) this.#builtIns.set(each.name, each)
    for (const { name } of shadowed.rows) this.#shadowed.add(name)
    const bodies: Node[] = []
    for (const row of found.rows) {
      const name = `${row.schema}.${row.name}`
      const overloaded = this.#own.has(name)
      const body = row.body === null || overloaded ? null : await parseStatement(asSelect(row.body))
      this.#own.set(name, { function: { ...row, oid: overloaded ? -1 : Number(row.oid) }, body })
      if (body) bodies.push(body)
    }
    return bodies
  }

  #sourceOfCall(call: FuncCall, within: readonly string[]): Source {
    const names = namesOf(call.funcname)
    if (!names || Object.keys(call).some((key) => !plainCall.has(key))) return 'unknown'
    const name = names.at(-1) ?? ''
    const isBuiltIn = names.length === 2 ? names[0] === 'pg_catalog' : !this.#shadowed.has(name)
    if (isBuiltIn) {
      if (name === 'current_setting') return readsClaims(call) ? 'claims' : 'unknown'
      if (name === 'pg_has_role') return asksOfOwnRole(call) ? 'claims' : 'unknown'
      if (personal.has(name)) return 'claims'
      if (timely.has(name)) return 'time'
      const builtIn = this.#builtIns.get(name)
      return builtIn?.isImmutable || (builtIn && steady.has(name)) ? 'constant' : 'unknown'
    }
    const own = names.length === 2 ? names.join('.') : ''
    const body = this.#own.get(own)?.body
    if (!body || within.includes(own)) return 'unknown'
    const source = this.#sourceOf(body, [...within, own])
    return source === 'constant' ? 'claims' : source // it is called as the identity anyhow
  }

  #sourceOf(tree: Node, within: readonly string[]): Source {
    let source: Source = 'constant'
    const add = (other: Source) => (source = worse(source, other))
    walk(tree, (type, node) => {
      if (!computing.has(type)) return add('unknown')
      switch (type) {
        case 'FuncCall':
          return add(this.#sourceOfCall(node, within))
        case 'SQLValueFunction':
          return add(this.sourceOfValue(node))
        case 'SelectStmt':
          if (!isPlainSelect(node)) add('unknown')
          return
        case 'RangeFunction':
          if ('lateral' in node || 'is_rowsfrom' in node || 'coldeflist' in node) add('unknown')
          return
        case 'TypeCast':
          if (!this.#isPlainType((node as { typeName?: TypeName }).typeName)) add('unknown')
          return
        case 'A_Expr':
          if (!this.#isBuiltInOperator((node as { name?: Node[] }).name)) add('unknown')
          return
        case 'SubLink':
          if (!this.#isBuiltInOperator((node as { operName?: Node[] }).operName ?? [])) add('unknown')
          return
        case 'CaseExpr':
          if ('arg' in node && this.#shadowed.has('=')) add('unknown')
      }
    })
    return source
  }

  #isPlainType(type: TypeName | undefined): boolean {
    const names = namesOf(type?.names) ?? []
    const name = names.at(-1) ?? ''
    if (!plainTypes.has(name)) return false
    return names.length === 1 ? !this.#shadowed.has(name) : names[0] === 'pg_catalog'
  }

  #isBuiltInOperator(name: Node[] | undefined): boolean {
    const names = namesOf(name)
    if (!names) return false
    return names.length > 1 ? names[0] === 'pg_catalog' : !this.#shadowed.has(names[0] ?? '')
  }
}

function worse(a: Source, b: Source): Source {
  const order: Source[] = ['constant', 'claims', 'time', 'unknown']
  return order[Math.max(order.indexOf(a), order.indexOf(b))] ?? 'unknown'
}

export function isPlainSelect(select: SelectStmt): boolean {
  return select.op === 'SETOP_NONE' && Object.keys(select).every((key) => plainSelect.has(key))
}

/** PostgreSQL shows the body of a function with a body of SQL proper as `RETURN …`. */
function asSelect(body: string): string {
  return body.replace(/^return\s/i, 'select ').replace(/;\s*$/, '')
}

/** A setting that is named, and is a custom one or the role. Others may be anything, and differ between connections. */
function readsClaims({ args }: FuncCall): boolean {
  const [first] = args ?? []
  const name = first && 'TypeCast' in first ? first.TypeCast.arg : first
  const text = name && 'A_Const' in name ? name.A_Const.sval?.sval : undefined
  return text !== undefined && (text.includes('.') || text === 'role')
}

/** What other roles are members of may change without a trace in what the relation is to this one. */
function asksOfOwnRole({ args = [] }: FuncCall): boolean {
  const [first] = args
  return (
    args.length === 2 ||
    (first !== undefined && 'SQLValueFunction' in first && ownRole.has(first.SQLValueFunction.op ?? ''))
  )
}
