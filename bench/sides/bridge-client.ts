import { io } from 'socket.io-client'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'
import { Arrivals } from './arrivals.ts'

// What listens to the bare bridge. It keeps rows by id, from the moment on at which it is connected.

interface BridgeRow {
  readonly id: number
}

const rows = new Map<number, BridgeRow>()
const arrivals = new Arrivals()

/** @param clients the first of them keeps what comes */
async function open({ url, clients = 1 }: { url: string; clients?: number }): Promise<void> {
  await Promise.all(
    Array.from({ length: clients }, (_, client) => {
      const socket = io(url, { transports: ['websocket'], forceNew: true })
      if (client === 0) socket.on('change', apply)
      return new Promise<void>((resolve, reject) => {
        socket.on('connect', resolve)
        socket.on('connect_error', reject)
      })
    }),
  )
}

function apply(text: string): void {
  const isDeleted = text.startsWith('-')
  const row = JSON.parse(isDeleted ? text.slice(1) : text) as BridgeRow
  if (isDeleted) rows.delete(row.id)
  else rows.set(row.id, row)
  arrivals.note(rows.size)
}

answerParent({
  open,
  arrivals: () => arrivals.take(),
  until: (count: number) => arrivals.until(count),
  rows: () => [...rows.values()],
  usage,
})
