import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'
import { expect, test } from 'vitest'
import type { GatewayServer } from './connection.ts'
import { EncodedJson, encodedJsonParser } from './encoded-json.ts'
import { forMany } from './send-to-many.ts'

/** On either side of where the head of a WebSocket frame grows, and of more bytes than characters. */
const texts = [0, 50, 125, 126, 2 ** 16 - 1, 2 ** 16, 300_000].flatMap((length) => [
  'x'.repeat(length),
  'ü'.repeat(length),
])

test.for(['websocket', 'polling'])(
  'messages of any length arrive as they are, in order: %s',
  async (transport) => {
    const httpServer = createServer()
    const server: GatewayServer = new Server(httpServer, { parser: encodedJsonParser(() => undefined) })
    httpServer.listen(0, '127.0.0.1')
    await once(httpServer, 'listening')
    const { port } = httpServer.address() as AddressInfo
    const clients = Array.from({ length: 2 }, () =>
      connect(`http://127.0.0.1:${port}`, { transports: [transport], forceNew: true }),
    )
    try {
      await Promise.all(clients.map((client) => once(client as never, 'connect')))
      const received = clients.map((client) => {
        const got: string[] = []
        return new Promise<string[]>((resolve) =>
          client.on('batch', ({ text }: { text: string }) => got.push(text) === texts.length && resolve(got)),
        )
      })
      const sockets = [...server.sockets.sockets.values()]
      for (const text of texts) sockets.forEach(forMany('batch', new EncodedJson(JSON.stringify({ text }))))
      expect(await Promise.all(received)).toEqual([texts, texts])
    } finally {
      for (const client of clients) client.disconnect()
      await server.close()
    }
  },
)
