import { access, chmod, readdir, readFile, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

/**
 * Does what the install script of a package of PostgreSQL's binaries does, where npm has not run it: npm 11 does so only
 * for packages that the project's package.json names. Makes links between libraries and lets programs be run.
 */
export async function completePackage(native: string): Promise<void> {
  try {
    for (const name of await readdir(join(native, 'bin'))) await makeExecutable(join(native, 'bin', name))
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
