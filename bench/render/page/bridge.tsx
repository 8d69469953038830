import { memo } from 'react'
import { io } from 'socket.io-client'
import { create } from 'zustand'
import { bridgeChannel } from '../../sides/bridge.ts'
import { noteRender } from './probe.ts'

interface Player {
  readonly id: number
  readonly name: string
  readonly score: number
}

interface Players {
  readonly ids: readonly number[]
  readonly byId: Readonly<Record<number, Player>>
}

/** What most would write: rows in a zustand store, and a selector in each component. */
const usePlayers = create<Players>(() => ({ ids: [], byId: {} }))

/** The bridge has no snapshot, so the page is told what there was. */
export function followBridge(url: string, rows: number): void {
  const players = Array.from({ length: rows }, (_, i) => ({ id: i + 1, name: `p${i + 1}`, score: 0 }))
  usePlayers.setState({
    ids: players.map(({ id }) => id),
    byId: Object.fromEntries(players.map((player) => [player.id, player])),
  })
  const socket = io(url, { transports: ['websocket'], auth: { channel: bridgeChannel } })
  socket.on('change', (text: string) => {
    const player = JSON.parse(text) as Player
    usePlayers.setState(({ byId }) => ({ byId: { ...byId, [player.id]: player } }))
  })
}

export function BridgeRows() {
  noteRender('list')
  const ids = usePlayers(({ ids }) => ids)
  return (
    <ol>
      {ids.map((id) => (
        <PlayerItem key={id} id={id} />
      ))}
    </ol>
  )
}

const PlayerItem = memo(function PlayerItem({ id }: { id: number }) {
  noteRender(id)
  const player = usePlayers(({ byId }) => byId[id])
  return (
    <li data-id={id}>
      {player?.name} <b>{player?.score}</b>
    </li>
  )
})
