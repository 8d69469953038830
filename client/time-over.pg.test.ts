import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'
import { startRowcast, type RowcastServer } from '../test/rowcast-server.ts'
import { createClient, type Client } from './core/index.ts'

let database: TestDatabase
let server: RowcastServer
let client: Client

beforeEach(async () => {
  database = await createTestDatabase()
  server = await startRowcast(database)
  client = createClient({ url: server.url, session: 'page', onError: () => undefined })
})

afterEach(async () => {
  client.close()
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

/** The ids of the rows of a table that the page shows. */
function idsOf(relation: string): () => unknown {
  const rows = client.table(relation, { orderBy: { id: 'asc' } })
  rows.subscribe(() => undefined)
  return () => rows.getSnapshot().data?.map(({ id }) => id)
}

const until = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 10_000, interval: 10 })

test('E-40 rows of which the time is over go one after the other, though nobody writes anything', async () => {
  const sql = await database.connect()
  await sql.query(`
    create table message (id int primary key, expires_at timestamptz);
    alter table message enable row level security;
    create policy p on message using (expires_at > clock_timestamp());
    select event.track('message');
    insert into message select n, clock_timestamp() + (2 + n) * interval '1 second' from generate_series(1, 3) as n`)
  const messages = idsOf('message')
  await until(() => expect(messages()).toEqual([1, 2, 3]))
  await until(() => expect(messages()).toEqual([]))
})
