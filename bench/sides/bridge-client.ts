import { io } from 'socket.io-client'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'
import { Arrivals } from './arrivals.ts'
import { bridgeChannel } from './bridge.ts'
import { digestOf } from './digest.ts'

// What listens to the bare bridge. It keeps rows by id, from the moment on at which it is connected.

interface BridgeRow {
  readonly id: number
}

export interface ListenOptions {
  readonly url: string
  /** Default: 1. */
  readonly clients?: number
  /** What they listen to; one that the server does not know keeps them idle. */
  readonly channel?: string
}

const rows = new Map<number, BridgeRow>()
const arrivals = new Arrivals()

/** @param clients the first of them keeps what comes */
async function open({ url, clients = 1, channel = bridgeChannel }: ListenOptions): Promise<void> {
  await Promise.all(
    Array.from({ length: clients }, (_, client) => {
      const socket = io(url, { transports: ['websocket'], forceNew: true, auth: { channel } })
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
  digest: (columns: readonly string[]) => digestOf(rows.values(), columns),
  usage,
})
