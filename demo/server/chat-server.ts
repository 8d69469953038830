import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRowcast, healthz, type Rowcast, type RowcastOptions } from 'rowcast/server'
import sirv from 'sirv'
import { createAuthenticate } from './authenticate.ts'
import { createChatApi } from './chat-api.ts'
import { loadSecret } from './secret.ts'
import { setupChat } from './setup.ts'

export interface ChatServerOptions extends Pick<RowcastOptions, 'database' | 'logger'> {
  /** The built page: what `vite build` wrote. */
  readonly folder: string
  /** Default: any that is free. */
  readonly port?: number
  readonly host?: string
  /** Signs the tokens. Default: `CHAT_SECRET`, or one kept in `.rowcast/`. */
  readonly secret?: Uint8Array
  /** Told of failures of the endpoints that are not the caller's. */
  readonly onError?: (error: unknown) => void
}

export interface ChatServer {
  readonly url: string
  readonly port: number
  readonly rowcast: Rowcast
  close(): Promise<void>
}

/** The chat without Vite, as in production: the page, its endpoints and the live rows on one port. */
export async function startChatServer(options: ChatServerOptions): Promise<ChatServer> {
  const { folder, port = 0, host = '127.0.0.1', database, logger } = options
  const secret = options.secret ?? (await loadSecret())
  const httpServer = createServer()
  const rowcast = await createRowcast({
    ...(database !== undefined && { database }),
    ...(logger && { logger }),
    httpServer,
    setup: setupChat,
    authenticate: createAuthenticate(() => Promise.resolve(secret)),
  })
  const api = createChatApi({
    pool: () => Promise.resolve(rowcast.pool),
    secret: () => Promise.resolve(secret),
    ...(options.onError && { onError: options.onError }),
  })
  const health = healthz(() => rowcast.health())
  const page = sirv(folder, { single: true })
  httpServer.on('request', (request, response) => {
    if (request.url?.startsWith('/rowcast')) return // the sockets'
    health(request, response, () =>
      api(request, response, () => page(request, response, () => void response.writeHead(404).end())),
    )
  })
  try {
    await listen(httpServer, port, host)
  } catch (error) {
    await rowcast.close()
    throw error
  }
  const address = httpServer.address() as AddressInfo // of a TCP server that listens
  return {
    url: `http://${host}:${address.port}`,
    port: address.port,
    rowcast,
    async close() {
      await rowcast.close()
      httpServer.closeAllConnections()
      await new Promise((resolve) => httpServer.close(resolve))
    },
  }
}

async function listen(server: HttpServer, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve())
  })
}
