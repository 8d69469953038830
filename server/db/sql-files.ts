import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** The SQL files, in the repository and in the package alike: beside the folder of the compiled server. */
const sqlFolder = new URL('../../sql/', import.meta.url)

export interface SqlFile {
  /** From the folder `sql` on: `functions/event/ring.sql`. */
  readonly path: string
  readonly sql: string
}

/** What a release brings into a database, each in the order in which it is applied. */
export interface SqlFiles {
  readonly migrations: readonly SqlFile[]
  readonly functions: readonly SqlFile[]
  /** Equal for equal files. */
  readonly digest: string
}

export async function readSqlFiles(): Promise<SqlFiles> {
  const [migrations, functions] = await Promise.all([readFolder('migrations/'), readFolder('functions/')])
  const hash = createHash('sha256')
  for (const { path, sql } of [...migrations, ...functions]) hash.update(JSON.stringify([path, sql]))
  return { migrations, functions, digest: hash.digest('hex') }
}

/** In the order of their paths, those of its folders included. */
async function readFolder(folder: string): Promise<SqlFile[]> {
  const names = await readdir(fileURLToPath(new URL(folder, sqlFolder)), { recursive: true })
  const paths = names
    .filter((name) => name.endsWith('.sql'))
    .map((name) => folder + name.replaceAll('\\', '/'))
    .sort()
  return Promise.all(
    paths.map(async (path) => ({ path, sql: await readFile(new URL(path, sqlFolder), 'utf8') })),
  )
}
