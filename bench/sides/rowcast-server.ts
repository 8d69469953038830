import { createServer, type ServerResponse } from 'node:http'
import pg from 'pg'
import { pino } from 'pino'
import sirv from 'sirv'
import { createRowcast } from '../../server/index.ts'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'
import { listen } from './listen.ts'

// A Rowcast server as an application would have it. Clients say who they are, and are believed.

export interface ServeOptions {
  readonly database: string
  /** Of all clients. */
  readonly role: string
  readonly port?: number
  /** Of a page that it serves as well. */
  readonly folder?: string
}

/** @returns its port */
async function serve({ database, role, port, folder }: ServeOptions): Promise<number> {
  const nothing = (_request: unknown, response: ServerResponse) => response.writeHead(404).end()
  const httpServer = createServer(folder === undefined ? nothing : sirv(folder))
  await createRowcast({
    database,
    httpServer,
    authenticate: ({ auth }) => ({ role, claims: { sub: String(auth['sub']) } }),
    logger: pino({ level: 'warn' }, pino.destination(2)),
  })
  return listen(httpServer, port)
}

let queries = 0
const { query } = pg.Client.prototype
pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
  queries += 1
  return (query as (...args: unknown[]) => unknown).apply(this, args)
} as typeof query

/** @param queries that it has sent to the database: round trips, whatever they ask for */
answerParent({ serve, usage, queries: () => queries })
