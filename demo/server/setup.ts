import { readFile } from 'node:fs/promises'
import type { ClientBase } from 'pg'

const schemaUrl = new URL('../schema.sql', import.meta.url)

/** Brings the chat's tables, role and first messages into the database, or finds them there. */
export async function setupChat(client: ClientBase): Promise<void> {
  const schema = await readFile(schemaUrl, 'utf8')
  // One batch is one transaction, and the lock makes servers that start at once take turns.
  await client.query(`select pg_advisory_xact_lock(hashtext('rowcast-chat setup'));\n${schema}`)
}
