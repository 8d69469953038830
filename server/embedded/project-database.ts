import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from '../db/pool.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'

/** Its usual port, so that bookmarks in database tools last; another one if it is taken. */
const usualPort = 54329

export interface ProjectDatabase {
  readonly database: Database
  readonly isEmbedded: boolean
  /** Stops the embedded database; a given one is left alone. */
  stop(): Promise<void>
}

/**
 * The database of the project in the working folder: the one that is given, else the one of
 * DATABASE_URL, else an embedded PostgreSQL whose data is kept in `.rowcast/postgres`.
 */
export async function openProjectDatabase(
  given: Database | undefined,
  onProgress: (message: string) => void,
): Promise<ProjectDatabase> {
  const database = given ?? process.env['DATABASE_URL']
  if (database !== undefined && database !== '')
    return { database, isEmbedded: false, stop: () => Promise.resolve() }
  const folder = join(process.cwd(), '.rowcast')
  await mkdir(folder, { recursive: true })
  // Whatever is kept here is this machine's own: git need not be told in each project.
  await writeFile(join(folder, '.gitignore'), '*\n', { flag: 'wx' }).catch(() => undefined)
  const embedded = await startEmbeddedPostgres({
    folder: join(folder, 'postgres'),
    port: usualPort,
    onProgress,
  })
  return { database: embedded.url, isEmbedded: true, stop: () => embedded.stop() }
}
