// Compiled, never run: what an application that declares its tables may write, and what it may not.
import {
  and,
  createClient,
  not,
  or,
  type ChangeRecord,
  type ColumnEntry,
  type GapReason,
} from 'rowcast/client'
import {
  useChanges,
  useColumn,
  useField,
  useRow,
  useSuspenseRow,
  useSuspenseTable,
  useTable,
} from 'rowcast/react'

interface Person {
  id: number
  name: string
  score: number | null
  tags: string[]
  born_at: string
}

declare module 'rowcast/client' {
  interface Tables {
    person: Person
    'game.seat': { hall: number; place: string; taken: boolean }
  }
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const expectSame = <A, B>(isSame: Same<A, B>): boolean => isSame

export function Typed(): null {
  const people = useTable('person')
  if (people.status === 'ready') expectSame<typeof people.data, readonly Person[]>(true)
  if (people.status === 'loading') expectSame<typeof people.data, undefined>(true)
  const seat = useRow('game.seat', [1, 'A.1'])
  if (seat.status === 'ready')
    expectSame<typeof seat.data, { hall: number; place: string; taken: boolean } | null>(true)
  const score = useField('person', 1, 'score')
  if (score.status === 'ready') expectSame<typeof score.data, number | null | undefined>(true)
  const names = useColumn('person', 'name')
  if (names.status === 'ready') expectSame<typeof names.data, readonly ColumnEntry<string>[]>(true)
  const changes = useChanges('person', { where: { score: 5 }, last: 10 })
  if (changes.status === 'ready') expectSame<typeof changes.data, readonly ChangeRecord<Person>[]>(true)
  for (const change of changes.data ?? []) {
    if (change.op === 'row_insert') expectSame<typeof change.row, Person>(true)
    if (change.op === 'field_update' && change.column === 'name')
      expectSame<typeof change.previous, string | undefined>(true)
    if (change.op === 'gap') expectSame<typeof change.reason, GapReason>(true)
  }
  const all = useSuspenseTable('person', { limit: 3 })
  expectSame<typeof all, readonly Person[]>(true)
  const one = useSuspenseRow('person', 1)
  expectSame<typeof one, Person | null>(true)

  // @ts-expect-error no such relation
  useTable('persons')
  // @ts-expect-error no such relation
  useRow('seat', 1)
  // @ts-expect-error no such column
  useField('person', 1, 'nmae')
  // @ts-expect-error no such column
  useColumn('person', 'taken')
  // @ts-expect-error a key is made of values
  useRow('person', { id: 1 })
  // @ts-expect-error no such option
  useTable('person', { order: 'name' })
  // @ts-expect-error what may be missing must be looked at
  void people.data.length
  return null
}

export function Filters(): null {
  useTable('person', {
    where: { name: 'joe', score: null, id: { gt: 1, in: [1, 2] }, born_at: { gte: '2000-01-01' } },
    orderBy: { score: 'desc', id: 'asc' },
    limit: 5,
  })
  useTable('person', { orderBy: [{ column: 'name', direction: 'desc' }, { column: 'id' }] })
  useTable('person', { where: { name: { like: 'j%' }, tags: ['a'] } })
  useTable('person', {
    where: or({ name: 'joe' }, and({ score: { gt: 3 } }, not({ name: { ilike: 'a%' } }))),
  })
  const reusable = or<Person>({ name: 'joe' }, { name: 'ann' })
  useTable('person', { where: reusable })

  // @ts-expect-error no such column
  useTable('person', { where: { nmae: 'joe' } })
  // @ts-expect-error another type
  useTable('person', { where: { name: 5 } })
  // @ts-expect-error never null
  useTable('person', { where: { name: null } })
  // @ts-expect-error another type
  useTable('person', { where: { id: { gt: '1' } } })
  // @ts-expect-error no such operator
  useTable('person', { where: { id: { near: 1 } } })
  // @ts-expect-error only text is like something
  useTable('person', { where: { id: { like: '1%' } } })
  // @ts-expect-error a list is asked for with `in`
  useTable('person', { where: { id: [1, 2] } })
  // @ts-expect-error no such column
  useTable('person', { where: or({ name: 'joe' }, { nmae: 'ann' }) })
  // @ts-expect-error another type, deep inside
  useTable('person', { where: or({ name: 'joe' }, and({ score: 'x' })) })
  // @ts-expect-error a filter of another relation
  useTable('game.seat', { where: reusable })
  // @ts-expect-error no such column
  useTable('person', { orderBy: { nmae: 'asc' } })
  // @ts-expect-error no such direction
  useTable('person', { orderBy: { name: 'down' } })
  // @ts-expect-error no such column
  useTable('person', { orderBy: [{ column: 'nmae' }] })
  return null
}

export function Core(): void {
  const client = createClient()
  const joe = client.row('person', 1).getSnapshot()
  if (joe.status === 'ready') expectSame<typeof joe.data, Person | null>(true)
  client.table('person', { where: { id: { lt: 5 } } }).subscribe(() => undefined)
  // @ts-expect-error no such relation
  client.table('persons')
  // @ts-expect-error no such column
  client.field('person', 1, 'nmae')
  // @ts-expect-error the store is read
  client.store.setState({})
}
