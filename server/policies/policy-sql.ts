import type {
  A_Expr,
  ColumnRef,
  FuncCall,
  JoinExpr,
  Node,
  RangeVar,
  SelectStmt,
  SubLink,
  TypeName,
} from 'libpg-query'
import {
  and,
  bothWays,
  column,
  columnOf,
  conjuncts,
  disjuncts,
  constant,
  fingerprint,
  isPlaceInText,
  namesOf,
  or,
  soleTarget,
  walk,
} from './policy-ast.ts'
import { isPlainSelect, type PolicyFunctions } from './policy-functions.ts'
import type { PolicedRelation, Policy } from './read-policies.ts'

/** What a policy says is not understood for sure. */
export class NotUnderstood extends Error {}

/** Of the relation's row in a condition, and of the row of claim values: its columns are v1, v2 … */
export const rowAlias = 't'
export const claimsAlias = 's'

/** A policy's condition, parsed and with its functions and operators named in full. */
export type Conditions = ReadonlyMap<Policy, Node>

/** All policies of a relation as one condition over its row and a row of claim values. */
export interface Understood {
  readonly condition: Node
  /** The expressions over claims and nothing else: v1, v2 … */
  readonly claims: readonly Node[]
  /** For each relation that is read, by oid: the columns that equal a claim in all the places where it is read. */
  readonly keys: ReadonlyMap<number, readonly { readonly column: string; readonly claim: number }[]>
}

/** An expression once it has been looked at: as it stands or, of `rows`, rewritten. */
interface Term {
  readonly node: Node
  readonly level: 'constant' | 'claims' | 'rows'
}

/** A table in a sub-select, or the row itself. */
interface Place {
  readonly alias: string
  readonly relation: PolicedRelation
  /** The role needs to be granted what is read of it; of the row that a policy protects, it need not. */
  readonly needsGrant: boolean
}

interface Scope {
  readonly places: ReadonlyMap<string, Place>
  /** Of a policy's own row: names stand alone there. */
  readonly own: Place | null
  readonly outer: Scope | null
}

/** Parts of expressions that only compute: where their expressions are, and what else they may have. */
const computing: Record<string, { parts: readonly string[]; other?: readonly string[] }> = {
  BoolExpr: { parts: ['args'], other: ['boolop'] },
  A_Expr: { parts: ['lexpr', 'rexpr'], other: ['kind', 'name'] },
  NullTest: { parts: ['arg'], other: ['nulltesttype'] },
  BooleanTest: { parts: ['arg'], other: ['booltesttype'] },
  TypeCast: { parts: ['arg'], other: ['typeName'] },
  CoalesceExpr: { parts: ['args'] },
  MinMaxExpr: { parts: ['args'], other: ['op'] },
  CaseExpr: { parts: ['arg', 'args', 'defresult'] },
  CaseWhen: { parts: ['expr', 'result'] },
  A_ArrayExpr: { parts: ['elements'] },
  RowExpr: { parts: ['args'], other: ['row_format'] },
  List: { parts: ['items'] },
  FuncCall: { parts: ['args'], other: ['funcname', 'funcformat', 'agg_star', 'agg_distinct'] },
}
/** They are no values by themselves. */
const structural = new Set(['CaseWhen', 'RowExpr', 'List'])
const comparing = new Set(['AEXPR_OP', 'AEXPR_OP_ANY', 'AEXPR_OP_ALL'])
const comparingEquals = new Set(['AEXPR_NULLIF', 'AEXPR_DISTINCT', 'AEXPR_NOT_DISTINCT'])

/**
 * Makes one condition of the policies of a relation for a role, as PostgreSQL would apply them: those of the relations
 * in sub-selects included.
 *
 * The condition holds for a row and an identity exactly if the identity may see the row. What calls functions of the
 * application's own is not in it: they are part of the claims, which are evaluated as the identity.
 *
 * @throws {NotUnderstood}
 */
export function understand(
  relation: PolicedRelation,
  relations: ReadonlyMap<number, PolicedRelation>,
  conditions: Conditions,
  functions: PolicyFunctions,
): Understood {
  return new Translation(relations, conditions, functions).run(relation)
}

class Translation {
  readonly #relations = new Map<string, PolicedRelation>()
  readonly #conditions: Conditions
  readonly #functions: PolicyFunctions
  readonly #claims = new Map<string, { place: number; node: Node }>()
  readonly #keys = new Map<number, Map<string, { column: string; claim: number }>>()
  /** Relations whose policies are being translated. */
  readonly #within: PolicedRelation[] = []
  #aliases = 0

  constructor(
    relations: ReadonlyMap<number, PolicedRelation>,
    conditions: Conditions,
    functions: PolicyFunctions,
  ) {
    for (const each of relations.values()) this.#relations.set(`${each.schema}.${each.name}`, each)
    this.#conditions = conditions
    this.#functions = functions
  }

  run(relation: PolicedRelation): Understood {
    const condition = this.#policiesOf({ alias: rowAlias, relation, needsGrant: false })
    return {
      condition,
      claims: [...this.#claims.values()].map(({ node }) => node),
      keys: new Map([...this.#keys].map(([oid, keys]) => [oid, [...keys.values()]])),
    }
  }

  #policiesOf(place: Place): Node {
    const { relation } = place
    if (this.#within.includes(relation))
      throw new NotUnderstood(`the policies of ${relation.name} read it again`)
    this.#within.push(relation)
    const own = { ...place, needsGrant: false }
    const scope: Scope = { places: new Map([[relation.name, own]]), own, outer: null }
    const all = relation.policies.map((policy) => ({
      isPermissive: policy.isPermissive,
      node: this.#settled(this.#visit(this.#conditionOf(policy), scope)),
    }))
    this.#within.pop()
    const restrictive = all.filter(({ isPermissive }) => !isPermissive).map(({ node }) => node)
    const permissive = all.filter(({ isPermissive }) => isPermissive).map(({ node }) => node)
    return and([or(permissive), ...restrictive])
  }

  #conditionOf(policy: Policy): Node {
    const node = this.#conditions.get(policy)
    if (!node) throw new Error('a policy without its condition')
    if (policy.hasOtherNeeds) throw new NotUnderstood('a type of the application’s own')
    const called = new Set<number>()
    walk(node, (type, call: FuncCall) => {
      if (type === 'FuncCall')
        called.add(this.#functions.oidOf(namesOf(call.funcname)?.join('.') ?? '') ?? -1)
    })
    // An operator or a cast may call one, too, and it is not seen in the text.
    if (!policy.functions.every((oid) => called.has(oid)))
      throw new NotUnderstood('a function that is not named')
    return node
  }

  #visit(node: Node, scope: Scope): Term {
    if ('A_Const' in node) return { node, level: 'constant' }
    if ('ColumnRef' in node) return { node: this.#column(node.ColumnRef, scope), level: 'rows' }
    if ('SubLink' in node) return this.#sublink(node.SubLink, scope)
    if ('SQLValueFunction' in node) {
      const source = this.#functions.sourceOfValue(node.SQLValueFunction)
      if (source === 'unknown') throw new NotUnderstood('a value of the session')
      return { node, level: source === 'time' ? 'rows' : source }
    }
    const [type, content] = Object.entries(node)[0] as [string, Record<string, Node | Node[] | undefined>]
    const shape = computing[type]
    if (!shape) throw new NotUnderstood(type)
    for (const name of Object.keys(content))
      if (!shape.parts.includes(name) && !shape.other?.includes(name) && !isPlaceInText(name))
        throw new NotUnderstood(`${type} with ${name}`)
    this.#check(node)

    const own = 'FuncCall' in node ? this.#levelOf(node.FuncCall) : 'constant'
    const parts = shape.parts.flatMap((name) => {
      const part = content[name]
      return part === undefined
        ? []
        : [
            {
              name,
              terms: [part].flat().map((each) => this.#visit(each, scope)),
              isList: Array.isArray(part),
            },
          ]
    })
    const levels = [own, ...parts.flatMap(({ terms }) => terms.map(({ level }) => level))]
    // Of claims alone, but no value.
    if (structural.has(type) ? levels.every((level) => level === 'constant') : !levels.includes('rows'))
      return { node, level: levels.includes('claims') ? 'claims' : 'constant' }
    if (own === 'claims') throw new NotUnderstood('a function of the identity and the row')
    const rewritten = parts.map(({ name, terms, isList }) => {
      const nodes = terms.map((term) => this.#settled(term))
      return [name, isList ? nodes : nodes[0]]
    })
    const made = { [type]: { ...content, ...Object.fromEntries(rewritten) } } as unknown as Node
    return { node: or(disjuncts(and(conjuncts(made)))), level: 'rows' } // flat, as the parser would have it
  }

  /** As it stands in the condition: what the claims decide by themselves is a value there. */
  #settled({ node, level }: Term): Node {
    return level === 'claims' ? this.#claim(node) : node
  }

  #claim(node: Node): Node {
    walk(node, (type) => {
      // Where two texts are compared, it would say by which collation. A value does not.
      if (type === 'CollateClause') throw new NotUnderstood('a collation')
    })
    const text = fingerprint(node)
    let claim = this.#claims.get(text)
    if (!claim) this.#claims.set(text, (claim = { place: this.#claims.size, node }))
    return column(claimsAlias, `v${claim.place + 1}`)
  }

  #check(node: Node): void {
    if ('A_Expr' in node) this.#checkOperator(node.A_Expr)
    if ('CaseExpr' in node && node.CaseExpr.arg && this.#functions.isShadowed('='))
      throw new NotUnderstood('an equality')
    if ('TypeCast' in node) checkType(node.TypeCast.typeName)
  }

  #checkOperator({ kind, name }: A_Expr): void {
    if (comparing.has(kind ?? '')) return // named in full; what it calls is among the policy's functions
    if (
      !comparingEquals.has(kind ?? '') ||
      namesOf(name)?.join('.') !== '=' ||
      this.#functions.isShadowed('=')
    )
      throw new NotUnderstood(`${kind}`)
  }

  #levelOf(call: FuncCall): Term['level'] {
    const source = this.#functions.sourceOfCall(call)
    const [schema, name, ...rest] = namesOf(call.funcname) ?? []
    if (schema !== 'pg_catalog' || name === undefined || rest.length > 0) {
      if (source !== 'claims') throw new NotUnderstood(`function ${name}`)
      return source
    }
    const builtIn = this.#functions.builtIn(name)
    if (source === 'unknown' || !builtIn || builtIn.isSetReturning)
      throw new NotUnderstood(`function ${name}`)
    // What is so now need not be so in a moment; and an aggregate is of the rows around it, whatever it is of.
    return source === 'time' || builtIn.isAggregate ? 'rows' : source
  }

  #column({ fields }: ColumnRef, scope: Scope): Node {
    const names = namesOf(fields)
    const [first, second, ...rest] = names ?? []
    if (first === undefined || rest.length > 0) throw new NotUnderstood('a whole row')
    const place = second === undefined ? scope.own : placeOf(first, scope)
    const info = place?.relation.columns.get(second ?? first)
    if (!place || !info) throw new NotUnderstood(`column ${names?.join('.')}`)
    if (place.needsGrant && !info.isGranted)
      throw new NotUnderstood(`column ${names?.join('.')} is not granted`)
    return column(place.alias, info.name)
  }

  #sublink(asked: SubLink, scope: Scope): Term {
    const either = eitherOf(asked)
    if (either) return this.#visit(either, scope)
    const sublink = withoutOrder(asked)
    const { subLinkType, testexpr, operName, subselect } = sublink
    if (!subselect || !('SelectStmt' in subselect)) throw new NotUnderstood('a sub-select')
    const node: Node = { SubLink: sublink }
    const source = this.#functions.sourceOfSelect(subselect)
    const isAny = subLinkType === 'ANY_SUBLINK' || subLinkType === 'ALL_SUBLINK'
    if (source === 'constant' || source === 'claims') {
      const target = soleTarget(subselect)
      if (subLinkType === 'EXPR_SUBLINK' && target && !this.#givesRows(target))
        return this.#visit(target, scope)
      if (!isAny) return { node, level: source }
      if (!testexpr || !operName || 'RowExpr' in testexpr) throw new NotUnderstood('rows that are compared')
      const test = this.#visit(testexpr, scope)
      if (test.level !== 'rows') return { node, level: source === 'claims' ? source : test.level }
      const array: Node = { SubLink: { subLinkType: 'ARRAY_SUBLINK', subselect } }
      const kind = subLinkType === 'ANY_SUBLINK' ? 'AEXPR_OP_ANY' : 'AEXPR_OP_ALL'
      const rexpr = this.#settled({ node: array, level: source })
      return { node: { A_Expr: { kind, name: operName, lexpr: test.node, rexpr } }, level: 'rows' }
    }
    if (
      subLinkType === 'MULTIEXPR_SUBLINK' ||
      subLinkType === 'ROWCOMPARE_SUBLINK' ||
      subLinkType === 'CTE_SUBLINK'
    )
      throw new NotUnderstood(subLinkType)
    const test = testexpr && this.#settled(this.#visit(testexpr, scope))
    const select = this.#select(subselect.SelectStmt, scope, subLinkType === 'EXISTS_SUBLINK')
    return {
      node: { SubLink: { ...sublink, ...(test && { testexpr: test }), subselect: { SelectStmt: select } } },
      level: 'rows',
    }
  }

  #givesRows(target: Node): boolean {
    let gives = false
    walk(target, (type, call: FuncCall) => {
      if (type !== 'FuncCall') return
      const builtIn = this.#functions.builtIn(namesOf(call.funcname)?.at(-1) ?? '')
      if (builtIn?.isSetReturning || builtIn?.isAggregate) gives = true
    })
    return gives
  }

  #select(select: SelectStmt, outer: Scope, isExists: boolean): SelectStmt {
    if (!isPlainSelect(select)) throw new NotUnderstood('a sub-select of more than rows under a condition')
    const places = new Map<string, Place>()
    const items = select.fromClause ?? []
    for (const item of items) this.#addPlaces(item, places)
    const scope: Scope = { places, own: null, outer }
    const conditions: Node[] = []
    const from = items.map((item) => this.#from(item, scope, conditions, true))
    if (select.whereClause) conditions.push(this.#settled(this.#visit(select.whereClause, scope)))
    const targets = (select.targetList ?? []).map((target): Node => {
      if (!('ResTarget' in target) || !target.ResTarget.val || target.ResTarget.indirection)
        throw new NotUnderstood('a target')
      return { ResTarget: { val: this.#settled(this.#visit(target.ResTarget.val, scope)) } }
    })
    for (const { relation } of places.values())
      if (![...relation.columns.values()].some(({ isGranted }) => isGranted))
        throw new NotUnderstood(`${relation.name} is not granted`)
    const where = and(conditions)
    this.#noteKeys([...places.values()], where)
    const isCounting = isExists && targets.some((target) => this.#givesRows(target))
    return {
      ...(isExists && !isCounting ? {} : { targetList: targets }),
      ...(from.length > 0 && { fromClause: from }),
      ...(conditions.length > 0 && { whereClause: where }),
      limitOption: 'LIMIT_OPTION_DEFAULT',
      op: 'SETOP_NONE',
    }
  }

  #addPlaces(item: Node, places: Map<string, Place>): void {
    if ('JoinExpr' in item) {
      for (const side of [item.JoinExpr.larg, item.JoinExpr.rarg]) if (side) this.#addPlaces(side, places)
      return
    }
    if (!('RangeVar' in item)) throw new NotUnderstood('rows of something else than a table')
    const { schemaname, relname, alias, catalogname } = item.RangeVar
    const relation = this.#relations.get(`${schemaname}.${relname}`)
    const name = alias?.aliasname ?? relname
    if (!relation || catalogname || !name || places.has(name) || alias?.colnames)
      throw new NotUnderstood(`relation ${relname}`)
    if (relation.kind !== 'r' && relation.kind !== 'p') throw new NotUnderstood(`${relname} is no table`)
    places.set(name, { alias: `r${++this.#aliases}`, relation, needsGrant: true })
  }

  /** @param isFiltering what a condition leaves out here is out of the whole select: none of its tables is there for its nulls */
  #from(item: Node, scope: Scope, conditions: Node[], isFiltering: boolean): Node {
    if ('JoinExpr' in item) return this.#join(item.JoinExpr, scope, conditions, isFiltering)
    if (!('RangeVar' in item)) throw new Error('a place that has not been added')
    const range: RangeVar = item.RangeVar
    const place = scope.places.get(range.alias?.aliasname ?? range.relname ?? '')
    if (!place) throw new Error('a place that has not been added')
    const { location: _, ...rest } = range
    const named = (alias: string): Node => ({ RangeVar: { ...rest, alias: { aliasname: alias } } })
    if (!place.relation.isSecured) return named(place.alias)
    if (isFiltering) {
      conditions.push(this.#policiesOf(place))
      return named(place.alias)
    }
    const inner = `r${++this.#aliases}`
    const select: SelectStmt = {
      targetList: [
        { ResTarget: { val: { ColumnRef: { fields: [{ String: { sval: inner } }, { A_Star: {} }] } } } },
      ],
      fromClause: [named(inner)],
      whereClause: this.#policiesOf({ ...place, alias: inner }),
      limitOption: 'LIMIT_OPTION_DEFAULT',
      op: 'SETOP_NONE',
    }
    return { RangeSubselect: { subquery: { SelectStmt: select }, alias: { aliasname: place.alias } } }
  }

  #join(
    { jointype, larg, rarg, quals, ...rest }: JoinExpr,
    scope: Scope,
    conditions: Node[],
    isFiltering: boolean,
  ): Node {
    if (!larg || !rarg || rest.isNatural || rest.usingClause || rest.alias || rest.join_using_alias)
      throw new NotUnderstood('a join')
    const isInner = jointype === 'JOIN_INNER'
    if (!isInner && jointype !== 'JOIN_LEFT') throw new NotUnderstood('a join')
    const sides = {
      larg: this.#from(larg, scope, conditions, isFiltering),
      rarg: this.#from(rarg, scope, conditions, isFiltering && isInner),
    }
    const on = quals && this.#settled(this.#visit(quals, scope))
    if (isInner && isFiltering && on) conditions.push(on)
    return {
      JoinExpr: { jointype, ...sides, ...(on && { quals: isInner && isFiltering ? constant(true) : on }) },
    }
  }

  /** Of each table that a select reads, the columns that a row must share with the claims to matter; kept if they are so everywhere. */
  #noteKeys(places: readonly Place[], where: Node): void {
    const sides = conjuncts(where).flatMap(bothWays)
    for (const { alias, relation } of places) {
      const found = new Map<string, { column: string; claim: number }>()
      for (const [left, right] of sides) {
        const [own, claim] = [columnOf(withoutTextCast(left, alias, relation)), columnOf(right)]
        if (own?.alias !== alias || claim?.alias !== claimsAlias) continue
        const key = { column: own.name, claim: Number(claim.name.slice(1)) - 1 }
        found.set(`${key.claim} ${key.column}`, key)
      }
      const before = this.#keys.get(relation.oid)
      if (!before) this.#keys.set(relation.oid, found)
      else for (const name of before.keys()) if (!found.has(name)) before.delete(name)
    }
  }
}

/** `in (… union …)` and `exists (… union …)` as what they say: the one or the other. */
function eitherOf(sublink: SubLink): Node | null {
  const { subLinkType, subselect } = sublink
  if (subLinkType !== 'EXISTS_SUBLINK' && subLinkType !== 'ANY_SUBLINK') return null
  if (!subselect || !('SelectStmt' in subselect)) return null
  const { op, larg, rarg, all: _all, limitOption: _option, ...rest } = subselect.SelectStmt
  if (op !== 'SETOP_UNION' || !larg || !rarg || Object.keys(rest).length > 0) return null
  const of = (select: SelectStmt): Node => ({ SubLink: { ...sublink, subselect: { SelectStmt: select } } })
  return or([of(larg), of(rarg)])
}

/** Without what changes nothing where it is only asked whether rows, or values, are there. */
function withoutOrder(sublink: SubLink): SubLink {
  const { subLinkType, subselect } = sublink
  const isExists = subLinkType === 'EXISTS_SUBLINK'
  if (!isExists && subLinkType !== 'ANY_SUBLINK') return sublink
  if (!subselect || !('SelectStmt' in subselect)) return sublink
  const select = { ...subselect.SelectStmt }
  const { limitCount, distinctClause } = select
  const isOne = limitCount && 'A_Const' in limitCount && (limitCount.A_Const.ival?.ival ?? 0) > 0
  if (isExists && isOne && !select.limitOffset && select.limitOption === 'LIMIT_OPTION_COUNT') {
    delete select.limitCount
    select.limitOption = 'LIMIT_OPTION_DEFAULT'
  }
  if (select.limitCount || select.limitOffset) return sublink
  delete select.sortClause
  if (distinctClause?.every((each) => Object.keys(each).length === 0)) delete select.distinctClause // no `distinct on`
  return { ...sublink, subselect: { SelectStmt: select } }
}

function placeOf(name: string, scope: Scope): Place | null {
  for (let at: Scope | null = scope; at; at = at.outer) {
    const place = at.places.get(name)
    if (place) return place
  }
  return null
}

/** A varchar is compared as the text that it is. */
export function withoutTextCast(node: Node, alias: string, relation: PolicedRelation): Node {
  if (
    !('TypeCast' in node) ||
    !node.TypeCast.arg ||
    namesOf(node.TypeCast.typeName?.names)?.at(-1) !== 'text'
  )
    return node
  const own = columnOf(node.TypeCast.arg)
  const isVarchar = own?.alias === alias && relation.columns.get(own.name)?.type === 'character varying'
  return isVarchar ? node.TypeCast.arg : node
}

function checkType(type: TypeName | undefined): void {
  const names = namesOf(type?.names)
  if (!names || type?.setof || type?.pct_type || type?.typmods?.some((each) => !('A_Const' in each)))
    throw new NotUnderstood('a type')
  // What it reads in the catalogue, no log tells.
  if (names.at(-1)?.startsWith('reg')) throw new NotUnderstood(`type ${names.join('.')}`)
}
