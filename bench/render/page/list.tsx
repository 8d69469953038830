import { memo } from 'react'
import { useTable } from 'rowcast/react'
import { noteRender } from './probe.ts'

interface Player {
  readonly id: number
  readonly name: string
  readonly score: number
}

/** A list that reads its rows, and gives each to a component of its own. */
export function ListOfRows({ table }: { table: string }) {
  noteRender('list')
  const players = useTable(table, { orderBy: { id: 'asc' } })
  if (players.status !== 'ready') return null
  return (
    <ol>
      {(players.data as unknown as readonly Player[]).map((player) => (
        <PlayerItem key={player.id} player={player} />
      ))}
    </ol>
  )
}

const PlayerItem = memo(function PlayerItem({ player }: { player: Player }) {
  noteRender(player.id)
  return (
    <li data-id={player.id}>
      {player.name} <b>{player.score}</b>
    </li>
  )
})
