import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { createRowcast, type Authenticate, type Rowcast, type RowcastOptions } from '../server/index.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'

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

/**
 * Serves a database. `port` 0 picks a free one.
 *
 * @param database a test database is served as in production, by a user that is no superuser; one of a
 *   connection string by the user that it names. Everybody is the reader of the former, or that user.
 */
export async function startRowcast(
  database: TestDatabase | string,
  options: Partial<RowcastOptions> & { port?: number } = {},
): Promise<RowcastServer> {
  const [url, role] =
    typeof database === 'string'
      ? [database, new URL(database).username]
      : [database.serverUrl, database.reader]
  const { port = 0, ...rest } = options
  await untilRightsAreOld(url)
  const httpServer = createServer((_request, response) => response.writeHead(404).end())
  const rowcast = await createRowcast({
    database: url,
    httpServer,
    authenticate: authenticateByName(role),
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

/**
 * Who comes back goes on from the log only if his position is after all that gave him his rights, and after whatever ran
 * beside that: other tests do.
 */
export async function untilRightsAreOld(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query('select pg_snapshot_xmax(pg_current_snapshot())::text as xid')
    const isOld = async () =>
      (
        await client.query('select pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 as is_old', [
          rows[0].xid,
        ])
      ).rows[0].is_old
    for (let tries = 0; tries < 300 && !(await isOld()); tries++) await sleep(100)
  } finally {
    await client.end()
  }
}

/** A Rowcast server on a database of its own, in which some SQL has been run; both go when it is disposed. */
export async function startOnNewDatabase(sql: string, options: Partial<RowcastOptions> = {}) {
  const database = await createTestDatabase()
  const admin = await database.connect()
  await admin.query(sql)
  const server = await startRowcast(database, options)
  return {
    database,
    admin,
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function closeHttp(server: HttpServer): Promise<void> {
  server.closeAllConnections()
  if (server.listening) await new Promise((resolve) => server.close(resolve))
}
