import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'
import { listen } from '../sides/listen.ts'

// Socket.IO alone: it sends what it is given to everybody who is connected.

const httpServer = createServer((_request, response) => response.writeHead(404).end())
const io = new Server(httpServer)

/** @returns its port */
function serve(): Promise<number> {
  return listen(httpServer)
}

let messages: readonly object[] = []

function prepare(what: readonly object[]): void {
  messages = what
}

function send(): void {
  for (const message of messages) io.emit('snapshot', message)
}

answerParent({ serve, prepare, send, usage })
