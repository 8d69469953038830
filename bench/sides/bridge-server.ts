import { createServer } from 'node:http'
import pg from 'pg'
import { Server } from 'socket.io'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'
import { bridgeChannel } from './bridge.ts'
import { listen } from './listen.ts'

// The bare bridge: what PostgreSQL notifies of on a channel goes to everybody who is in the room of that name.

export interface BridgeOptions {
  readonly database: string
  readonly channels?: readonly string[]
}

/** @returns its port */
async function serve({ database, channels = [bridgeChannel] }: BridgeOptions): Promise<number> {
  const httpServer = createServer((_request, response) => response.writeHead(404).end())
  const io = new Server(httpServer)
  io.on('connection', (socket) => void socket.join(String(socket.handshake.auth['channel'])))
  const listener = new pg.Client(database)
  listener.on('notification', ({ channel, payload }) => io.to(channel).emit('change', payload))
  await listener.connect()
  for (const channel of channels) await listener.query(`listen ${channel}`)
  return listen(httpServer)
}

answerParent({ serve, usage })
