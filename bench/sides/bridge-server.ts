import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { Server } from 'socket.io'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'
import { bridgeChannel } from './bridge.ts'

// The bare bridge: what PostgreSQL notifies of goes to everybody who is connected.

const room = 'everybody'

/** @returns its port */
async function serve({ database }: { database: string }): Promise<number> {
  const httpServer = createServer((_request, response) => response.writeHead(404).end())
  const io = new Server(httpServer)
  io.on('connection', (socket) => void socket.join(room))
  const listener = new pg.Client(database)
  listener.on('notification', ({ payload }) => io.to(room).emit('change', payload))
  await listener.connect()
  await listener.query(`listen ${bridgeChannel}`)
  httpServer.listen(0, '127.0.0.1', 10_000)
  await once(httpServer, 'listening')
  return (httpServer.address() as AddressInfo).port
}

answerParent({ serve, usage })
