// Compiled, never run: what an application may write that declares no tables.
import { and, createClient, or, type Row, type Value } from 'rowcast/client'
import { useChanges, useColumn, useField, useRow, useTable } from 'rowcast/react'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const expectSame = <A, B>(isSame: Same<A, B>): boolean => isSame

export function Loose({ relation, column }: { relation: string; column: string }): null {
  const rows = useTable(relation, {
    where: or({ [column]: 5 }, and({ name: { like: 'j%' } }, { id: { gt: 3 } })),
    orderBy: { [column]: 'desc' },
  })
  if (rows.status === 'ready') expectSame<typeof rows.data, readonly Row[]>(true)
  const row = useRow('person', 1)
  if (row.status === 'ready') expectSame<typeof row.data, Row | null>(true)
  const field = useField('person', [1, 'a'], column)
  if (field.status === 'ready') expectSame<typeof field.data, Value | undefined>(true)
  useColumn('person', 'name')
  useTable('person', { orderBy: [{ column: 'name' }], limit: 3, enabled: false })
  for (const change of useChanges(relation).data ?? [])
    if (change.op === 'field_update') expectSame<typeof change.previous, Value | undefined>(true)

  // @ts-expect-error no such option
  useTable('person', { order: 'name' })
  // @ts-expect-error no such direction
  useTable('person', { orderBy: { name: 'down' } })
  // @ts-expect-error a relation is named
  createClient().table(5)
  return null
}
