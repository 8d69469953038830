import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { migrate } from '../server/db/migrate.ts'
import { databaseName, readerRole, serverRole, testServer, urlOfDatabase, urlOfUser } from './server.ts'

/** A database of a test's own. Disposing it closes its connections and drops it. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string
  readonly url: string
  /** As the user that runs Rowcast's servers: no superuser, with what `event.grant_server` grants. */
  readonly serverUrl: string
  /** As which a client may read everything that row security leaves. */
  readonly reader: string
  /** A new connection, as superuser. It need not be closed. */
  connect(): Promise<pg.Client>
  /**
   * Creates a role that can log in, with a name that no other test has; dropped with the database. Servers may act as it.
   *
   * @param attributes as in `create role`, e.g. `nologin` or `bypassrls`
   */
  createRole(attributes?: string): Promise<string>
}

/**
 * Gives a test a migrated database of its own.
 *
 * @param icuLocale by which it compares texts, from PostgreSQL 15 on; otherwise as the server does
 *
 * @example
 * await using database = await createTestDatabase()
 * const client = await database.connect()
 */
export async function createTestDatabase({ icuLocale }: { icuLocale?: string } = {}): Promise<TestDatabase> {
  const server = testServer()
  const name = databaseName(server.run, randomBytes(6).toString('hex'))
  const url = urlOfDatabase(server.url, name)
  const clients: pg.Client[] = []
  const roles: string[] = []
  await asAdmin(server.url, async (admin) => {
    if (icuLocale === undefined) return clone(admin, name, server.template)
    const options = `template template0 encoding 'UTF8' locale_provider icu icu_locale '${icuLocale}'`
    await admin.query(`create database ${name} ${options}`)
    await migrate(url)
  })
  return {
    name,
    url,
    serverUrl: urlOfUser(url, serverRole(server.run), server.run),
    reader: readerRole(server.run),
    async connect() {
      const client = new pg.Client(url)
      client.on('error', () => undefined) // a test that ends it sees its queries fail
      await client.connect()
      clients.push(client)
      return client
    },
    async createRole(attributes = 'login') {
      const role = databaseName(server.run, `role_${randomBytes(4).toString('hex')}`)
      await asAdmin(server.url, (admin) =>
        admin.query(`create role ${role} ${attributes}; grant ${role} to ${serverRole(server.run)}`),
      )
      roles.push(role)
      return role
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end()))
      await asAdmin(server.url, async (admin) => {
        await admin.query(`drop database if exists ${name} with (force)`)
        for (const role of roles) await admin.query(`drop role if exists ${role}`)
      })
    },
  }
}

/** A template that somebody is just connected to cannot be cloned. */
async function clone(admin: pg.Client, name: string, template: string): Promise<void> {
  const objectInUse = '55006'
  for (let attempt = 1; ; attempt++) {
    try {
      await admin.query(`create database ${name} template ${template}`)
      return
    } catch (error) {
      if ((error as pg.DatabaseError).code !== objectInUse || attempt === 50) throw error
      await sleep(100)
    }
  }
}

async function asAdmin(url: string, work: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client(url)
  await admin.connect()
  try {
    await work(admin)
  } finally {
    await admin.end()
  }
}
