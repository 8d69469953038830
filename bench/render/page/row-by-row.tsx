import { memo } from 'react'
import { useColumn, useRow } from 'rowcast/react'
import { noteRender } from './probe.ts'

/** A list that knows which rows there are, and a component for each that follows its row. */
export function RowByRow({ table }: { table: string }) {
  noteRender('list')
  const ids = useColumn(table, 'id')
  if (ids.status !== 'ready') return null
  return (
    <ol>
      {ids.data.map(({ key, value }) => (
        <PlayerItem key={key} table={table} id={value as number} />
      ))}
    </ol>
  )
}

const PlayerItem = memo(function PlayerItem({ table, id }: { table: string; id: number }) {
  noteRender(id)
  const player = useRow(table, id)
  return (
    <li data-id={id}>
      {player.data?.['name'] as string} <b>{player.data?.['score'] as number}</b>
    </li>
  )
})
