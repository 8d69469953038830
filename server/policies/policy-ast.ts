import type { ColumnRef, Node, SelectStmt } from 'libpg-query'
import { loadModule, parse } from 'libpg-query'
import { deparse } from 'pgsql-deparser'

/** The tree of an SQL expression, as PostgreSQL's own parser reads it. */
export async function parseExpression(sql: string): Promise<Node> {
  await loadModule()
  const expression = soleTarget((await parse(`select ${sql}`)).stmts?.[0]?.stmt)
  if (!expression) throw new Error(`no expression: ${sql}`)
  return expression
}

/** The tree of one statement; null if it is none, or several. */
export async function parseStatement(sql: string): Promise<Node | null> {
  await loadModule()
  const { stmts } = await parse(sql).catch(() => ({ stmts: [] }))
  return (stmts?.length === 1 && stmts[0]?.stmt) || null
}

/** The only thing that a statement selects, if it is a select of one thing from nowhere. */
export function soleTarget(statement: Node | null | undefined): Node | null {
  if (!statement || !('SelectStmt' in statement)) return null
  const { targetList, op, ...rest } = statement.SelectStmt
  if (op !== 'SETOP_NONE' || targetList?.length !== 1) return null
  if (Object.keys(rest).some((clause) => clause !== 'limitOption')) return null
  const [target] = targetList
  return (target && 'ResTarget' in target && target.ResTarget.val) || null
}

/**
 * The SQL of an expression. Null if it does not read as the same tree again: what has been written wrongly must not
 * decide who sees what.
 */
export async function writeExpression(expression: Node): Promise<string | null> {
  const target: Node = { ResTarget: { val: expression } }
  const sql = await writeSelect({
    targetList: [target],
    limitOption: 'LIMIT_OPTION_DEFAULT',
    op: 'SETOP_NONE',
  })
  return sql?.replace(/^select\s+/i, '') ?? null
}

/** As `writeExpression`. */
export async function writeSelect(select: SelectStmt): Promise<string | null> {
  const statement = enclosed<Node>({ SelectStmt: select })
  const sql = await deparse(statement)
  const read = await parseStatement(sql)
  return read && fingerprint(read) === fingerprint(statement) ? sql : null
}

/** With what the deparser would write without the parentheses that it needs, as in `(not a) is true`, in a coalesce() of one. */
function enclosed<T>(tree: T): T {
  if (Array.isArray(tree)) return tree.map((each) => enclosed<unknown>(each)) as T
  if (typeof tree !== 'object' || tree === null) return tree
  const copy = Object.fromEntries(
    Object.entries(tree).map(([name, value]) => [name, enclosed<unknown>(value)]),
  )
  const node = copy as Node
  const test = 'BooleanTest' in node ? node.BooleanTest : 'NullTest' in node ? node.NullTest : null
  if (test?.arg && ('BoolExpr' in test.arg || 'A_Expr' in test.arg))
    test.arg = { CoalesceExpr: { args: [test.arg] } }
  return copy as T
}

/** The same for equal trees, wherever they stand in a text. */
export function fingerprint(node: Node): string {
  return JSON.stringify(node, (name, value: unknown) => {
    if (isPlaceInText(name)) return undefined
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  })
}

/** True of what only says where in a text a node stood. */
export function isPlaceInText(name: string): boolean {
  return /(location|list_start|list_end)$/.test(name)
}

/** Visits a tree and all that it consists of, each node with its type. */
export function walk(tree: unknown, visit: (type: string, node: never) => void): void {
  if (Array.isArray(tree)) for (const each of tree) walk(each, visit)
  else if (typeof tree === 'object' && tree !== null)
    for (const [name, value] of Object.entries(tree)) {
      if (/^[A-Z]/.test(name)) visit(name, value as never)
      walk(value, visit)
    }
}

const string = (sval: string): Node => ({ String: { sval } })

export const builtIn = (name: string): Node[] => [string('pg_catalog'), string(name)]

/** Names, as in `schema.name`. Null if something else is among them, as in `t.*`. */
export function namesOf(nodes: readonly Node[] | undefined): string[] | null {
  const names = (nodes ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : null))
  return names.every((name) => name !== null) ? names : null
}

export function column(alias: string, name: string): { ColumnRef: ColumnRef } {
  return { ColumnRef: { fields: [string(alias), string(name)] } }
}

/** Alias and name, if that is what a node is. */
export function columnOf(node: Node | undefined): { alias: string; name: string } | null {
  if (!node || !('ColumnRef' in node)) return null
  const [alias, name, ...rest] = namesOf(node.ColumnRef.fields) ?? []
  return alias !== undefined && name !== undefined && rest.length === 0 ? { alias, name } : null
}

/** With other nodes in place of columns. What `by` gives nothing for stays. */
export function replaceColumns<T>(
  tree: T,
  by: (column: { alias: string; name: string }) => Node | undefined,
): T {
  if (Array.isArray(tree)) return tree.map((each) => replaceColumns<unknown>(each, by)) as T
  if (typeof tree !== 'object' || tree === null) return tree
  const at = columnOf(tree as unknown as Node)
  const other = at && by(at)
  if (other) return other as T
  return Object.fromEntries(
    Object.entries(tree).map(([name, value]) => [name, replaceColumns<unknown>(value, by)]),
  ) as T
}

export function asText(node: Node): Node {
  return { TypeCast: { arg: node, typeName: { names: [string('text')], typemod: -1 } } }
}

export function constant(boolval: boolean): Node {
  return { A_Const: { boolval: boolval ? { boolval } : {} } }
}

export function equality(left: Node, right: Node): Node {
  return { A_Expr: { kind: 'AEXPR_OP', name: builtIn('='), lexpr: left, rexpr: right } }
}

/** Both sides, if a node says that they are equal as built-in types are. */
export function sidesOf(node: Node): [Node, Node] | null {
  if (!('A_Expr' in node)) return null
  const { kind, name, lexpr, rexpr } = node.A_Expr
  return kind === 'AEXPR_OP' && namesOf(name)?.join('.') === 'pg_catalog.=' && lexpr && rexpr
    ? [lexpr, rexpr]
    : null
}

/** Both sides, either of them first; none if `sidesOf` says that there are none. */
export function bothWays(node: Node): [Node, Node][] {
  const sides = sidesOf(node)
  return sides ? [sides, [sides[1], sides[0]]] : []
}

/** What all must hold for a condition to hold. */
export function conjuncts(node: Node): Node[] {
  return partsOf(node, 'AND_EXPR')
}

/** Of what one must hold for a condition to hold. */
export function disjuncts(node: Node): Node[] {
  return partsOf(node, 'OR_EXPR')
}

export function and(nodes: readonly Node[]): Node {
  return combine(nodes, 'AND_EXPR')
}

export function or(nodes: readonly Node[]): Node {
  return combine(nodes, 'OR_EXPR')
}

type Connective = 'AND_EXPR' | 'OR_EXPR'

function partsOf(node: Node, boolop: Connective): Node[] {
  if (!('BoolExpr' in node) || node.BoolExpr.boolop !== boolop) return [node]
  return (node.BoolExpr.args ?? []).flatMap((arg) => partsOf(arg, boolop))
}

/** Flat, as the parser makes it. */
function combine(nodes: readonly Node[], boolop: Connective): Node {
  const args = nodes.flatMap((node) => partsOf(node, boolop))
  const [first] = args
  if (!first) return constant(boolop === 'AND_EXPR')
  return args.length === 1 ? first : { BoolExpr: { boolop, args } }
}

/** With every function and operator named in full, for whoever creates others of the same name. */
export function qualify<T>(tree: T): T {
  if (Array.isArray(tree)) return tree.map((each) => qualify<unknown>(each)) as T
  if (typeof tree !== 'object' || tree === null) return tree
  const copy = Object.fromEntries(
    Object.entries(tree).map(([name, value]) => [name, qualify<unknown>(value)]),
  )
  const node = copy as Node
  if ('FuncCall' in node) node.FuncCall.funcname = inFull(node.FuncCall.funcname)
  if ('A_Expr' in node && /^AEXPR_OP(_ANY|_ALL)?$/.test(node.A_Expr.kind ?? ''))
    node.A_Expr.name = inFull(node.A_Expr.name)
  if ('SubLink' in node && /^(ANY|ALL)_SUBLINK$/.test(node.SubLink.subLinkType ?? ''))
    node.SubLink.operName = inFull(node.SubLink.operName ?? [string('=')])
  return copy as T
}

function inFull(name: Node[] = []): Node[] {
  return name.length === 1 ? [string('pg_catalog'), ...name] : name
}
