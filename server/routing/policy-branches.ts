import type { Node, SelectStmt } from 'libpg-query'
import { and, columnOf, conjuncts, disjuncts, equality, namesOf, or, sidesOf, walk } from './policy-ast.ts'
import { claimsAlias } from './policy-sql.ts'
import type { PolicedRelation } from './read-policies.ts'

/** So many ways for a row to be seen are asked for one by one. */
const maxBranches = 12

/**
 * Takes a condition apart into several, of which one must hold, each in a form that PostgreSQL can evaluate as joins:
 * from the rows by way of what the policies read to the claims, rather than for each pair of a row and an identity.
 *
 * @param relations those in sub-selects, by `schema.name`
 */
export function branchesOf(condition: Node, relations: ReadonlyMap<string, PolicedRelation>): Node[] {
  const branches = branch(condition)
  return (branches.length > maxBranches ? [[condition]] : branches).map((parts) =>
    joinable(and(parts), relations),
  )
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
 * The same condition with `in (select …)` and `= (select …)` as `exists`, which is joined. Only for a condition that
 * filters: what was null before may be false.
 */
function joinable(condition: Node, relations: ReadonlyMap<string, PolicedRelation>): Node {
  return and(
    conjuncts(condition).map((part) => {
      const select = asExists(part, relations)
      if (!select) return part
      const { whereClause, ...rest } = select
      const subselect: Node = {
        SelectStmt: { ...rest, ...(whereClause && { whereClause: joinable(whereClause, relations) }) },
      }
      return { SubLink: { subLinkType: 'EXISTS_SUBLINK', subselect } }
    }),
  )
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

function bothWays(node: Node): [Node, Node][] {
  const sides = sidesOf(node)
  return sides ? [sides, [sides[1], sides[0]]] : []
}
