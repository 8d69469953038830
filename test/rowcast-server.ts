import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { createRowcast, type Authenticate, type Rowcast, type RowcastOptions } from '../server/index.ts'

/** A Rowcast server on a port of its own, closed when disposed of. */
export interface RowcastServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly rowcast: Rowcast
}

/** Everybody is the given role, or the one that a client names in `auth.role`. */
export function authenticateByName(defaultRole: string): Authenticate {
  return ({ auth }) => ({
    role: typeof auth['role'] === 'string' ? auth['role'] : defaultRole,
    claims: typeof auth['sub'] === 'string' ? { sub: auth['sub'] } : {},
  })
}

/** Serves a database. `port` 0 picks a free one. */
export async function startRowcast(
  database: string,
  options: Partial<RowcastOptions> & { port?: number } = {},
): Promise<RowcastServer> {
  const { port = 0, ...rest } = options
  const httpServer = createServer((_request, response) => response.writeHead(404).end())
  const rowcast = await createRowcast({
    database,
    httpServer,
    authenticate: authenticateByName(new URL(database).username),
    logger: pino({ level: process.env['ROWCAST_TEST_LOG'] ?? 'silent' }),
    ...rest,
  })
  await new Promise<void>((resolve) => httpServer.listen(port, '127.0.0.1', resolve))
  const address = httpServer.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    rowcast,
    async [Symbol.asyncDispose]() {
      await rowcast.close()
      await closeHttp(httpServer)
    },
  }
}

async function closeHttp(server: HttpServer): Promise<void> {
  server.closeAllConnections()
  if (server.listening) await new Promise((resolve) => server.close(resolve))
}
