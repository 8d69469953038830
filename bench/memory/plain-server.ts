import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { answerParent } from '../../test/child.ts'
import { listen } from '../sides/listen.ts'

// Plain Socket.IO, which does nothing with its sockets.

/** @returns its port */
function serve(): Promise<number> {
  const httpServer = createServer()
  new Server().attach(httpServer)
  return listen(httpServer)
}

answerParent({ serve })
