import pg from 'pg'
import { clientConfig } from '../db/pool.ts'
import { saySlow } from '../embedded/say-slow.ts'
import { openProjectDatabase } from '../embedded/project-database.ts'

/** The option that every command has. */
export const databaseOption = [
  '-d, --database <url>',
  'where the database is (default: DATABASE_URL, else the embedded one in .rowcast/)',
] as const

/** Says what is being done, where it does not mix with a command's result. */
export function progress(message: string): void {
  console.error(`rowcast: ${message}`)
}

/** Connects to the project's database for one piece of work. */
export async function withDatabase<T>(
  url: string | undefined,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const database = await openProjectDatabase(url, progress)
  try {
    const client = new pg.Client(clientConfig(database.database))
    client.on('error', () => undefined) // its queries fail too, and are explained
    try {
      await saySlow(progress, 'connecting to the database', () => client.connect())
      return await saySlow(progress, 'waiting for the database', () => work(client))
    } finally {
      await client.end()
    }
  } finally {
    await database.stop()
  }
}
