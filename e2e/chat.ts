import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { pino } from 'pino'
import { startChatServer, type ChatServer } from '../demo/server/chat-server.ts'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'
import { demoFolder } from './demo-folder.ts'

/** A chat of a test's own: a database, a server on it, and a connection for what other programs write. */
export class Chat implements AsyncDisposable {
  readonly sql: pg.Client
  readonly url: string
  readonly #database: TestDatabase
  readonly #secret: Uint8Array
  #server: ChatServer | undefined

  private constructor(database: TestDatabase, sql: pg.Client, secret: Uint8Array, server: ChatServer) {
    this.#database = database
    this.sql = sql
    this.#secret = secret
    this.#server = server
    this.url = server.url
  }

  static async start(): Promise<Chat> {
    const database = await createTestDatabase()
    const secret = randomBytes(32)
    const server = await serve(database, secret, 0)
    return new Chat(database, await database.connect(), secret, server)
  }

  /** The server goes, as at a deployment. The database stays. */
  async stopServer(): Promise<void> {
    await this.#server?.close()
    this.#server = undefined
  }

  /** A new server at the old address. */
  async startServer(): Promise<void> {
    this.#server = await serve(this.#database, this.#secret, Number(new URL(this.url).port))
  }

  /** Lets somebody write by SQL, as any program might. */
  async write(author: string, channel: string, ...bodies: string[]): Promise<number[]> {
    const { rows } = await this.sql.query<{ id: number }>(
      `insert into message (channel_id, author_id, body)
       select c.id, u.id, b.body
       from channel as c, chat_user as u, unnest($3::text[]) with ordinality as b (body, position)
       where c.name = $1 and u.name = $2
       order by b.position
       returning id`,
      [channel, author, bodies],
    )
    return rows.map(({ id }) => id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopServer()
    await this.#database[Symbol.asyncDispose]()
  }
}

async function serve(database: TestDatabase, secret: Uint8Array, port: number): Promise<ChatServer> {
  return await startChatServer({
    database: database.url,
    folder: demoFolder,
    secret,
    port,
    logger: pino({ level: process.env['ROWCAST_TEST_LOG'] ?? 'silent' }),
  })
}
