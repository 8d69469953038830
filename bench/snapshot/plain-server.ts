import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'

// Socket.IO alone: it sends what it is given to everybody who is connected.

const httpServer = createServer((_request, response) => response.writeHead(404).end())
const io = new Server(httpServer)

/** @returns its port */
async function serve(): Promise<number> {
  httpServer.listen(0, '127.0.0.1', 10_000)
  await once(httpServer, 'listening')
  return (httpServer.address() as AddressInfo).port
}

let messages: readonly object[] = []

function prepare(what: readonly object[]): void {
  messages = what
}

function send(): void {
  for (const message of messages) io.emit('snapshot', message)
}

answerParent({ serve, prepare, send, usage })
