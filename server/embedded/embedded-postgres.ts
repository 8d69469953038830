import { spawn, type ChildProcess } from 'node:child_process'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findBinaries, type Binaries } from './binaries.ts'
import { prepareDataFolder, type DataFolder } from './data-folder.ts'
import { freePort } from './free-port.ts'
import { guard } from './guard.ts'
import { findRunningServer, processExists, readPostmaster, type Postmaster } from './running-server.ts'
import { saySlow } from './say-slow.ts'
import { unprivilegedUser, type SystemUser } from './system-user.ts'

export interface EmbeddedPostgresOptions {
  /** Keeps the cluster, its password and its log. Created when missing. */
  readonly folder: string
  /** Another one is taken when something listens there. */
  readonly port?: number
  /** For tests: fast instead of durable, and the folder is deleted at the end. */
  readonly temporary?: boolean
  /** Settings of the server, e.g. `{ max_connections: '200' }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Told what is being done, in the words of a person who waits for it. */
  readonly onProgress?: (message: string) => void
}

export interface EmbeddedPostgres {
  /** A superuser's connection string for the database `postgres`. */
  readonly url: string
  /** False when another running process has started it, and stops it. */
  readonly isOwn: boolean
  /** Stops the server; connections that are still open end. May be called twice. */
  stop(): Promise<void>
}

const startDeadlineMs = 60_000
const stopDeadlineMs = 10_000

/**
 * Runs a real PostgreSQL out of node_modules, listening on this machine only.
 *
 * It has a session of its own, so that Ctrl-C reaches this process alone, which then stops things in
 * their order. When this process ends without `stop`, even by `kill -9`, the server stops as well.
 * A folder that another process of Rowcast uses just now is shared with it.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { onProgress = () => undefined } = options
  const user = await unprivilegedUser()
  const binaries = await findBinaries(user)
  const folder = await saySlow(onProgress, 'creating the database', () =>
    prepareDataFolder(options.folder, user, binaries, onProgress),
  )
  const running = await findRunningServer(folder.data)
  if (running && (await hasOwner(folder, running))) return share(folder, running)
  if (running) await stopForgotten(folder, running, onProgress)
  return saySlow(onProgress, 'starting the database', () => start(folder, user, binaries, options))
}

async function start(
  folder: DataFolder,
  user: SystemUser,
  binaries: Binaries,
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const removed = options.temporary ? dirname(folder.data) : undefined
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(options.port)
    const child = await spawnServer(folder, user, binaries, port, options)
    const release = guard(child.pid ?? 0, removed)
    if (await becomesReady(child, folder)) {
      await writeFile(ownerFile(folder), `${process.pid} ${child.pid}\n`)
      return { url: urlOf(folder, port), isOwn: true, stop: once(() => stop(child, release, removed)) }
    }
    release()
    const log = (await readFile(folder.logFile, 'utf8').catch(() => '')).trim()
    const isPortTaken = /could not bind|Address already in use/.test(log)
    if (!isPortTaken || attempt === 3)
      throw new Error(`The embedded PostgreSQL did not start. Its log, ${folder.logFile}, says:\n${log}`)
  }
}

async function spawnServer(
  { data, logFile }: DataFolder,
  user: SystemUser,
  binaries: Binaries,
  port: number,
  { temporary, settings }: EmbeddedPostgresOptions,
): Promise<ChildProcess> {
  const log = await open(logFile, 'w', 0o600)
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    ...(temporary && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...settings,
  }
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  try {
    const child = spawn(binaries.postgres, ['-D', data, ...flags], {
      ...user,
      cwd: '/',
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, LC_ALL: 'C' },
    })
    child.on('error', () => undefined) // becomesReady sees it as an exit
    child.unref()
    return child
  } finally {
    await log.close()
  }
}

/** False when the server has exited instead. */
async function becomesReady(child: ChildProcess, { data }: DataFolder): Promise<boolean> {
  const deadline = Date.now() + startDeadlineMs
  while (Date.now() < deadline) {
    if (!isAlive(child)) return false
    const postmaster = await readPostmaster(data)
    if (postmaster?.pid === child.pid && postmaster?.isReady) return true
    await sleep(10)
  }
  child.kill('SIGQUIT')
  return false
}

async function stop(child: ChildProcess, release: () => void, removed: string | undefined): Promise<void> {
  // SIGINT is PostgreSQL's fast shutdown: open transactions are rolled back, everything is written.
  // Nobody will read a temporary database again: SIGQUIT leaves out the writing.
  child.kill(removed ? 'SIGQUIT' : 'SIGINT')
  const deadline = Date.now() + stopDeadlineMs
  while (isAlive(child) && Date.now() < deadline) await sleep(10)
  if (isAlive(child)) child.kill('SIGQUIT')
  while (isAlive(child)) await sleep(10)
  release()
  if (removed) await rm(removed, { recursive: true, force: true, maxRetries: 5 })
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

/** Which process has started which server, so that the next one can tell a shared from a forgotten one. */
function ownerFile(folder: DataFolder): string {
  return join(dirname(folder.data), 'owner')
}

async function hasOwner(folder: DataFolder, running: Postmaster): Promise<boolean> {
  const text = await readFile(ownerFile(folder), 'utf8').catch(() => '')
  const [owner, server] = text.trim().split(' ').map(Number)
  return server === running.pid && owner !== undefined && processExists(owner)
}

function share(folder: DataFolder, { port }: Postmaster): EmbeddedPostgres {
  return { url: urlOf(folder, port), isOwn: false, stop: () => Promise.resolve() }
}

/** Its owner has died a moment ago (the guard is just stopping it), or there was no guard. */
async function stopForgotten(
  folder: DataFolder,
  { pid }: Postmaster,
  onProgress: (message: string) => void,
): Promise<void> {
  onProgress('stopping the database of an earlier run that did not end cleanly')
  if (processExists(pid)) process.kill(pid, 'SIGINT')
  const deadline = Date.now() + stopDeadlineMs
  while ((await findRunningServer(folder.data)) && Date.now() < deadline) await sleep(20)
  if (await findRunningServer(folder.data))
    throw new Error(
      `An earlier PostgreSQL (process ${pid}) still runs on ${folder.data}. End it and try again.`,
    )
}

function urlOf({ password }: DataFolder, port: number): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
}

function once(work: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined
  return () => (result ??= work())
}
