import type { ColumnRef, Node, RangeVar, SelectStmt } from 'libpg-query'
import {
  and,
  asText,
  bothWays,
  column,
  columnOf,
  conjuncts,
  constant,
  disjuncts,
  equality,
  namesOf,
  or,
  replaceColumns,
  walk,
  writeSelect,
} from './policy-ast.ts'
import { claimsAlias, rowAlias, withoutTextCast } from './policy-sql.ts'
import type { PolicedColumn, PolicedRelation } from './read-policies.ts'

/**
 * The policies of a relation as queries over two tables, which whoever asks puts before them: `rowcast_rows`, the rows in
 * question with the columns named and `rowcast key`; and `rowcast_sights`, the claims of those who may see them, v1, v2 …,
 * and their number n.
 */
export interface PolicyJoin {
  /** Of the relation, those that decide. */
  readonly columns: readonly string[]
  /** Of the claims, as SQL writes them after a text. */
  readonly types: readonly string[]
  /** Ways for a row to be seen. */
  readonly branches: readonly PolicyBranch[]
}

export interface PolicyBranch {
  /** Places of the claims that it reads. None: who sees the relation at all sees a row by it. */
  readonly claims: readonly number[]
  /** Yields `key` and `n`, or for a branch without claims just `key`. */
  readonly joined: string
  /**
   * Yields `key` and, as v1, v2 …, the text of the claims that see it: no table of sights is needed. Null if the claims do not
   * follow from the row and from what the policies read.
   */
  readonly found: string | null
}

/** So many ways for a row to be seen are asked for one by one. */
const maxBranches = 12

/** What a branch joins with the rows, and the conditions. */
interface Parts {
  readonly from: Node[]
  readonly where: Node[]
}

type Relations = ReadonlyMap<string, PolicedRelation>

/**
 * Writes the condition that `understand` has made of policies as queries that PostgreSQL evaluates from the rows by way of
 * what the policies read to the claims, rather than for each pair of a row and an identity. Null if it could not be
 * written.
 *
 * @param types of the claims
 */
export async function joinOf(
  condition: Node,
  relation: PolicedRelation,
  relations: ReadonlyMap<number, PolicedRelation>,
  types: readonly string[],
): Promise<PolicyJoin | null> {
  const byName: Relations = new Map(
    [...relations.values()].map((each) => [`${each.schema}.${each.name}`, each]),
  )
  const split = branch(condition)
  const branches: PolicyBranch[] = []
  const columns = new Set<string>()
  for (const conditions of split.length > maxBranches ? [[condition]] : split) {
    const parts = flat(conditions, byName)
    const reads = columnsIn([...parts.from, ...parts.where])
    for (const { alias, name } of reads) if (alias === rowAlias) columns.add(name)
    const claims = claimsIn(reads)
    const joined = await writeSelect(joinedSelect(parts, claims.length > 0))
    if (joined === null) return null
    const select = foundSelect(parts, claims, placesIn(parts, relation, byName), types)
    branches.push({ claims, joined, found: select && (await writeSelect(select)) })
  }
  return { columns: [...columns], types, branches }
}

/** Each a list of what must hold together. */
function branch(node: Node): Node[][] {
  const alternatives = disjuncts(node)
  if (alternatives.length > 1) return alternatives.flatMap(branch)
  const parts = conjuncts(node)
  if (parts.length === 1) return [parts]
  return parts
    .map(branch)
    .reduce((all, each) =>
      all.length * each.length > maxBranches
        ? all.map((before) => [...before, or(each.map(and))])
        : all.flatMap((before) => each.map((more) => [...before, ...more])),
    )
}

/**
 * Conditions with what they ask to exist as tables that are joined, where it ties two others together: a row, say, and the
 * claims. A row may come out several times then.
 */
function flat(conditions: readonly Node[], relations: Relations): Parts {
  const parts: Parts = { from: [], where: [] }
  for (const condition of conditions.flatMap(conjuncts)) {
    const select = asExists(condition, relations)
    if (!select) {
      parts.where.push(condition)
      continue
    }
    const inner = flat(select.whereClause ? [select.whereClause] : [], relations)
    const from = [...(select.fromClause ?? []), ...inner.from]
    // A table that is joined cannot refer to what it is joined with.
    const isFree = outerAliases(from).size === 0
    if (isFree && outerAliases([...from, ...inner.where]).size > 1) {
      parts.from.push(...from)
      parts.where.push(...inner.where)
    } else parts.where.push({ SubLink: { subLinkType: 'EXISTS_SUBLINK', subselect: { SelectStmt: select } } })
  }
  return parts
}

function joinedSelect({ from, where }: Parts, hasClaims: boolean): SelectStmt {
  return {
    distinctClause: [{}] as unknown as Node[], // as the parser writes a plain distinct
    targetList: [
      target('key', column(rowAlias, 'rowcast key')),
      ...(hasClaims ? [target('n', column(claimsAlias, 'n'))] : []),
    ],
    fromClause: [
      table('rowcast_rows', rowAlias),
      ...(hasClaims ? [table('rowcast_sights', claimsAlias)] : []),
      ...from,
    ],
    whereClause: and(where),
    limitOption: 'LIMIT_OPTION_DEFAULT',
    op: 'SETOP_NONE',
  }
}

/** A claim that must equal a column is that column. One that must be true or false is that. Null if another is left. */
function foundSelect(
  { from, where }: Parts,
  claims: readonly number[],
  places: ReadonlyMap<string, PolicedRelation>,
  types: readonly string[],
): SelectStmt | null {
  const values = new Map<string, { value: Node; by: Node }>()
  for (const by of where) {
    const isNot = 'BoolExpr' in by && by.BoolExpr.boolop === 'NOT_EXPR' ? by.BoolExpr.args?.[0] : undefined
    const truth = columnOf(isNot ?? by)
    if (truth?.alias === claimsAlias) values.set(truth.name, { value: constant(!isNot), by })
    for (const [left, right] of bothWays(by)) {
      const claim = columnOf(right)
      if (claim?.alias !== claimsAlias || values.has(claim.name)) continue
      const own = ownColumn(left, places)
      const uses = columnsIn([...from, ...where]).filter(
        ({ alias, name }) => alias === claimsAlias && name === claim.name,
      )
      if (own && isSame(own, types[Number(claim.name.slice(1)) - 1] ?? '', uses.length > 1))
        values.set(claim.name, { value: left, by })
    }
  }
  if (!claims.every((claim) => values.has(`v${claim + 1}`))) return null
  const rest = where.filter((each) => ![...values.values()].some(({ by }) => by === each))
  const filled = <T>(node: T): T =>
    replaceColumns(node, ({ alias, name }) => (alias === claimsAlias ? values.get(name)?.value : undefined))
  const found = [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { value }]) => target(name, asText(value)))
  return {
    targetList: [target('key', column(rowAlias, 'rowcast key')), ...found],
    fromClause: [table('rowcast_rows', rowAlias), ...filled(from)],
    ...(rest.length > 0 && { whereClause: and(filled(rest)) }),
    limitOption: 'LIMIT_OPTION_DEFAULT',
    op: 'SETOP_NONE',
  }
}
const integers = /^(smallint|integer|bigint)$/
const texts = /^(text|character varying)$/
/** Also those of which the order is another, but not which of them are equal. */
const equalTexts = /^(text|character varying)( collate "C")?$/
const others = /^(boolean|uuid|date)$/

/**
 * True if a column and a claim of this type are equal exactly when their texts are, in the log as anywhere.
 *
 * @param isStandIn the column is to stand wherever the claim does: it must also mean the same there
 */
export function isSame(own: PolicedColumn, type: string, isStandIn: boolean): boolean {
  if (texts.test(own.type) && isStandIn) return own.isBytewise && texts.test(type) && !own.hasOwnCollation
  if (texts.test(own.type)) return own.isBytewise && equalTexts.test(type)
  if (integers.test(own.type) && !isStandIn) return integers.test(type)
  return own.type === type && (integers.test(type) || others.test(type))
}

/** The column that a node is, or that it is as text. */
function ownColumn(node: Node, places: ReadonlyMap<string, PolicedRelation>): PolicedColumn | null {
  const at = columnOf('TypeCast' in node ? node.TypeCast.arg : node)
  const relation = at && places.get(at.alias)
  if (!relation || !columnOf(withoutTextCast(node, at.alias, relation))) return null
  return relation.columns.get(at.name) ?? null
}

/** The relations that stand under an alias, by it. */
function placesIn(
  { from }: Parts,
  relation: PolicedRelation,
  relations: Relations,
): Map<string, PolicedRelation> {
  const places = new Map([[rowAlias, relation]])
  walk(from, (type, { schemaname, relname, alias }: RangeVar) => {
    const of = type === 'RangeVar' && relations.get(`${schemaname}.${relname}`)
    if (of && alias?.aliasname) places.set(alias.aliasname, of)
  })
  return places
}

function aliasesIn(nodes: readonly Node[]): Set<string> {
  const aliases = new Set<string>()
  walk(nodes, (type, { alias }: RangeVar) => {
    if ((type === 'RangeVar' || type === 'RangeSubselect') && alias?.aliasname) aliases.add(alias.aliasname)
  })
  return aliases
}

/** What nodes refer to that is around them. */
function outerAliases(nodes: readonly Node[]): Set<string> {
  const aliases = new Set(columnsIn(nodes).map(({ alias }) => alias))
  for (const own of aliasesIn(nodes)) aliases.delete(own)
  return aliases
}

function columnsIn(nodes: readonly Node[]): { alias: string; name: string }[] {
  const columns: { alias: string; name: string }[] = []
  walk(nodes, (type, node: ColumnRef) => {
    const at = type === 'ColumnRef' && columnOf({ ColumnRef: node })
    if (at) columns.push(at)
  })
  return columns
}

function claimsIn(columns: readonly { alias: string; name: string }[]): number[] {
  const places = columns.flatMap(({ alias, name }) =>
    alias === claimsAlias ? [Number(name.slice(1)) - 1] : [],
  )
  return [...new Set(places)].sort((a, b) => a - b)
}

function target(name: string, val: Node): Node {
  return { ResTarget: { name, val } }
}

function table(relname: string, aliasname: string): Node {
  return { RangeVar: { relname, inh: true, relpersistence: 'p', alias: { aliasname } } }
}

/** The rows of which there must be one for a condition to hold. Null if it is of another form. */
function asExists(node: Node, relations: ReadonlyMap<string, PolicedRelation>): SelectStmt | null {
  if ('SubLink' in node) {
    const { subLinkType, testexpr, operName, subselect } = node.SubLink
    if (!subselect || !('SelectStmt' in subselect)) return null
    const select = subselect.SelectStmt
    if (!select.fromClause) return null
    if (subLinkType === 'EXISTS_SUBLINK') return select.targetList ? null : select
    const target = targetOf(select)
    const isEquality = namesOf(operName)?.join('.') === 'pg_catalog.='
    if (subLinkType !== 'ANY_SUBLINK' || !testexpr || 'RowExpr' in testexpr || !target || !isEquality)
      return null
    return whereAlso(select, equality(testexpr, target))
  }
  if (
    'A_Expr' in node &&
    node.A_Expr.kind === 'AEXPR_OP_ANY' &&
    namesOf(node.A_Expr.name)?.join('.') === 'pg_catalog.='
  ) {
    const { lexpr, rexpr } = node.A_Expr
    const subselect =
      rexpr && 'SubLink' in rexpr && rexpr.SubLink.subLinkType === 'ARRAY_SUBLINK'
        ? rexpr.SubLink.subselect
        : undefined
    if (!lexpr || !subselect || !('SelectStmt' in subselect)) return null
    const target = targetOf(subselect.SelectStmt)
    return target && whereAlso(subselect.SelectStmt, equality(lexpr, target))
  }
  for (const [left, right] of bothWays(node)) {
    if (!('SubLink' in right) || right.SubLink.subLinkType !== 'EXPR_SUBLINK') continue
    const { subselect } = right.SubLink
    if (!subselect || !('SelectStmt' in subselect)) continue
    const target = targetOf(subselect.SelectStmt)
    // Of two rows PostgreSQL would complain.
    if (target && isOneAtMost(subselect.SelectStmt, relations))
      return whereAlso(subselect.SelectStmt, equality(left, target))
  }
  return null
}

function whereAlso(select: SelectStmt, condition: Node): SelectStmt {
  const existing = {
    ...select,
    whereClause: and([...(select.whereClause ? [select.whereClause] : []), condition]),
  }
  delete existing.targetList
  return existing
}

/** What a select gives of each row. Null if it is something of all of them, or of several values. */
function targetOf(select: SelectStmt): Node | null {
  const [target, ...others] = select.targetList ?? []
  if (!target || !('ResTarget' in target) || !target.ResTarget.val || others.length > 0) return null
  return columnOf(target.ResTarget.val) ? target.ResTarget.val : null
}

function isOneAtMost(select: SelectStmt, relations: ReadonlyMap<string, PolicedRelation>): boolean {
  const [item, ...others] = select.fromClause ?? []
  if (!item || !('RangeVar' in item) || others.length > 0 || !select.whereClause) return false
  const { schemaname, relname, alias } = item.RangeVar
  const relation = relations.get(`${schemaname}.${relname}`)
  if (!relation || relation.hasChildren) return false
  const fixed = new Set<string>()
  for (const part of conjuncts(select.whereClause))
    for (const [left, right] of bothWays(part)) {
      const own = columnOf(left)
      if (own?.alias !== alias?.aliasname || !own) continue
      // A text of another column's may be compared by another collation, to which two unique values are equal.
      const isValue = columnOf(right)?.alias === claimsAlias || 'A_Const' in right
      const isExact = /^(smallint|integer|bigint|uuid)$/.test(relation.columns.get(own.name)?.type ?? '')
      if (isValue || (isExact && !mentions(right, own.alias))) fixed.add(own.name)
    }
  return relation.uniqueKeys.some((key) => key.every((column) => fixed.has(column)))
}

function mentions(node: Node, alias: string): boolean {
  let found = false
  walk(node, (type, value) => {
    if (type === 'ColumnRef' && columnOf({ ColumnRef: value })?.alias === alias) found = true
  })
  return found
}
