import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { answerParent } from '../../test/child.ts'

// Plain Socket.IO, which does nothing with its sockets.

/** @returns its port */
async function serve(): Promise<number> {
  const httpServer = createServer()
  new Server().attach(httpServer)
  httpServer.listen(0, '127.0.0.1', 10_000)
  await once(httpServer, 'listening')
  return (httpServer.address() as AddressInfo).port
}

answerParent({ serve })
