import fc from 'fast-check'
import type { Value } from '../../shared/change.ts'
import type { Order, Predicate, Subscription } from '../../shared/subscription.ts'

/** Column types whose order and equality JavaScript can tell as PostgreSQL does. */
type LawType = 'integer' | 'text' | 'boolean' | 'bigint'

export interface LawTable {
  readonly name: string
  readonly key: readonly string[]
  readonly columns: Readonly<Record<string, LawType>>
  /** Those that nobody is to be given. */
  readonly excepted: readonly string[]
  /** Those that a restricted role may not select. */
  readonly hidden: readonly string[]
}

/** @param restricted a role that may not select all columns */
export function createTable({ name, key, columns, excepted, hidden }: LawTable, restricted: string): string {
  const list = Object.entries(columns).map(([column, type]) => `"${column}" ${type}`)
  const quoted = (names: readonly string[]) => names.map((column) => `"${column}"`).join(', ')
  const granted = Object.keys(columns).filter((column) => !hidden.includes(column))
  return `create table ${name} (${list.join(', ')}, primary key (${quoted(key)}));
    select event.track('${name}', '{${excepted.join(',')}}');
    grant select (${quoted(granted)}) on ${name} to ${restricted};`
}

/** The table as it is to a role. */
export function seenBy(table: LawTable, isRestricted: boolean): LawTable {
  const unseen = [...table.excepted, ...(isRestricted ? table.hidden : [])]
  return {
    ...table,
    columns: Object.fromEntries(Object.entries(table.columns).filter(([column]) => !unseen.includes(column))),
  }
}

/** Random tables: keys of one or two columns, and some columns more, with names that are not easy. */
export const tables: fc.Arbitrary<LawTable[]> = fc
  .array(
    fc.record({
      key: fc.constantFrom<Record<string, LawType>>(
        { id: 'integer' },
        { hall: 'integer', place: 'text' },
        { tag: 'text' },
      ),
      columns: fc.subarray<[string, LawType]>(
        [
          ['score', 'integer'],
          ['team', 'text'],
          ['isDone', 'boolean'],
          ['constructor', 'integer'],
          ['big', 'bigint'],
        ],
        { minLength: 1 },
      ),
      excepted: fc.oneof(fc.constant<string[]>([]), fc.subarray(['score', 'team', 'big'])),
      hidden: fc.subarray(['score', 'team', 'isDone', 'constructor', 'big']),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((shapes) =>
    shapes.map(({ key, columns, excepted, hidden }, i) => {
      const isThere = (name: string) => columns.some(([column]) => column === name)
      return {
        name: `law_${i}`,
        key: Object.keys(key),
        columns: { ...key, ...Object.fromEntries(columns) },
        excepted: excepted.filter(isThere),
        hidden: hidden.filter(isThere),
      }
    }),
  )

/** Few values, so that rows collide, and filters match. */
export function valueOf(type: LawType): fc.Arbitrary<Value> {
  switch (type) {
    case 'integer':
      return fc.integer({ min: 0, max: 4 })
    case 'text':
      return fc.constantFrom('a', 'b', 'c', 'd')
    case 'boolean':
      return fc.boolean()
    case 'bigint':
      return fc.constantFrom('9007199254740993', '9223372036854775807', '0')
  }
}

export function keyOf(table: LawTable): fc.Arbitrary<Value[]> {
  return fc.tuple(...table.key.map((column) => valueOf(table.columns[column] ?? 'integer')))
}

/** Values for the columns that are not of the key; null among them. */
export function fieldsOf(table: LawTable, minimum: number): fc.Arbitrary<Record<string, Value>> {
  const others = Object.entries(table.columns).filter(([column]) => !table.key.includes(column))
  return fc
    .subarray(others, { minLength: Math.min(minimum, others.length) })
    .chain((chosen) =>
      fc
        .tuple(...chosen.map(([, type]) => fc.option(valueOf(type), { nil: null, freq: 5 })))
        .map((values) => Object.fromEntries(chosen.map(([column], i) => [column, values[i] ?? null]))),
    )
}

export function subscriptionOf(table: LawTable): fc.Arbitrary<Subscription> {
  const relation = table.name
  const column = fc.constantFrom(...Object.keys(table.columns))
  return fc.oneof(
    fc.constant({ kind: 'table' as const, relation }),
    fc.record({ kind: fc.constant('column' as const), relation: fc.constant(relation), column }),
    fc.record({ kind: fc.constant('row' as const), relation: fc.constant(relation), key: keyOf(table) }),
    fc.record({
      kind: fc.constant('field' as const),
      relation: fc.constant(relation),
      key: keyOf(table),
      column,
    }),
    {
      weight: 4,
      arbitrary: fc.record(
        {
          kind: fc.constant('table' as const),
          relation: fc.constant(relation),
          where: predicateOf(table),
          orderBy: fc.uniqueArray(orderOf(table), {
            minLength: 1,
            maxLength: 2,
            selector: (order) => order.column,
          }),
          limit: fc.integer({ min: 1, max: 4 }),
        },
        { requiredKeys: ['kind', 'relation'] },
      ),
    },
  )
}

function orderOf(table: LawTable): fc.Arbitrary<Order> {
  const sortable = Object.keys(table.columns).filter((column) => table.columns[column] !== 'bigint') // strings to JavaScript
  return fc.record({
    column: fc.constantFrom(...sortable),
    direction: fc.constantFrom('asc' as const, 'desc' as const),
  })
}

function predicateOf(table: LawTable): fc.Arbitrary<Predicate> {
  const conditions = Object.entries(table.columns).map(([column, type]) => {
    const operators =
      type === 'integer' ? (['eq', 'ne', 'lt', 'lte', 'gt', 'gte'] as const) : (['eq', 'ne'] as const)
    return fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          column: fc.constant(column),
          op: fc.constantFrom(...operators),
          value: valueOf(type),
        }),
      },
      fc.record({
        column: fc.constant(column),
        op: fc.constant('in' as const),
        value: fc.array(valueOf(type), { maxLength: 3 }),
      }),
      fc.record({ column: fc.constant(column), op: fc.constant('is_null' as const), value: fc.boolean() }),
    )
  })
  const condition: fc.Arbitrary<Predicate> = fc.oneof(...conditions)
  return fc.oneof(
    { weight: 3, arbitrary: condition },
    fc.record({ and: fc.array(condition, { minLength: 1, maxLength: 3 }) }),
    fc.record({ or: fc.array(condition, { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: condition }),
  )
}
