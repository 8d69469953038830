import { createServer } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { Server } from 'socket.io'
import { defaultPath } from '../../shared/protocol.ts'
import { answerParent } from '../../test/child.ts'
import { now } from '../suite/clock.ts'
import { usage } from '../suite/usage.ts'
import { listen } from '../sides/listen.ts'

// Plain Socket.IO: sends what it is given to a room, and knows nothing else.

/** A text that is JSON, and the room that it is for. */
export type Message = readonly [room: string, json: string]

let io: Server

/** @returns its port */
function serve(): Promise<number> {
  const httpServer = createServer((_request, response) => response.writeHead(404).end())
  io = new Server(httpServer, { path: defaultPath })
  io.on('connection', (socket) => void socket.join(socket.handshake.auth['rooms'] as string[]))
  return listen(httpServer)
}

/**
 * As fast as it can, but for a turn of the event loop after each message.
 *
 * @returns when it began
 */
async function broadcast(messages: readonly Message[]): Promise<number> {
  const payloads = messages.map(([room, json]) => [room, JSON.parse(json) as object] as const)
  const startedAt = now()
  for (const [room, payload] of payloads) {
    io.to(room).emit('batch', payload)
    await turn()
  }
  return startedAt
}

answerParent({ serve, broadcast, usage })
