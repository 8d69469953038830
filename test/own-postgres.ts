import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  chmod,
  chown,
  copyFile,
  lchown,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { findBinaries, type Binaries } from '../server/embedded/binaries.ts'
import { freePort } from '../server/embedded/free-port.ts'
import { guard } from '../server/embedded/guard.ts'
import { readPostmaster } from '../server/embedded/running-server.ts'
import { unprivilegedUser, type SystemUser } from '../server/embedded/system-user.ts'

/** `fast` ends connections and writes everything; `immediate` is a crash: the next start recovers from the log. */
export type StopMode = 'fast' | 'immediate'

export type Settings = Readonly<Record<string, string>>

/** A PostgreSQL server of a test's own, to be broken at will. Disposing it stops it and deletes its folder. */
export interface OwnPostgres extends AsyncDisposable {
  /** A superuser's connection string for the database `postgres`. The same after every start. */
  readonly url: string
  readonly port: number
  /** Its data directory is `data` in here, its messages are in `postgres.log`. */
  readonly folder: string
  /** The user that it runs as, and that must own what it is to write to. Empty: whoever runs the test. */
  readonly user: SystemUser
  readonly isRunning: boolean
  /** Of the postmaster. */
  readonly pid: number | undefined
  /** A new connection, as superuser. It need not be closed. */
  connect(): Promise<pg.Client>
  /** Stops it, and resolves when all its processes have ended. Nothing to do if it does not run. */
  stop(mode?: StopMode): Promise<void>
  /** `kill -9` of the postmaster: its children end when they notice. */
  kill9(): Promise<void>
  /** On the same port; resolves when it accepts connections. `settings` hold from now on, over those of before. */
  start(settings?: Settings): Promise<void>
  restart(mode?: StopMode): Promise<void>
  /** A streaming replica, hot: it answers what only reads. */
  standby(settings?: Settings): Promise<Standby>
}

export interface Standby extends OwnPostgres {
  /** Resolves when it has replayed all that its primary has committed by now. */
  caughtUp(): Promise<void>
  /** From now on nothing arrives from the primary: it lags. */
  stopReceiving(): Promise<void>
  /** Makes it a server of its own, that can be written to. */
  promote(): Promise<void>
}

const deadlineMs = 60_000

/** A crash of PostgreSQL loses nothing that the operating system has been given: so no fsync, and no waiting for it. */
const common: Settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  shared_buffers: '32MB',
  wal_keep_size: '256MB',
  log_line_prefix: '%m [%p] ',
}

/**
 * Starts a PostgreSQL in a temporary folder, from the programs of the server that the tests use, if
 * they are on this machine, and else from the embedded ones. It stops when this process ends, however it ends.
 *
 * @example
 * await using postgres = await startOwnPostgres()
 * await using rowcast = await startRowcast(postgres.url)
 * await postgres.restart('immediate')
 */
export async function startOwnPostgres(options: { settings?: Settings } = {}): Promise<OwnPostgres> {
  const user = await unprivilegedUser()
  const binaries = await binariesOfTests(user)
  const password = randomBytes(16).toString('hex')
  const folder = await createFolder(user)
  try {
    await initdb(binaries, user, folder, password)
    const server = new Server(binaries, user, folder, password, { ...common, ...options.settings })
    await server.start()
    return server
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

class Server implements Standby {
  readonly folder: string
  readonly user: SystemUser
  readonly #binaries: Binaries
  readonly #password: string
  readonly #primary: Server | undefined
  #settings: Settings
  #port: number | undefined
  #child: ChildProcess | undefined
  #release: () => void = () => undefined
  readonly #clients: pg.Client[] = []
  readonly #standbys: Server[] = []

  constructor(
    binaries: Binaries,
    user: SystemUser,
    folder: string,
    password: string,
    settings: Settings,
    primary?: Server,
  ) {
    this.#binaries = binaries
    this.user = user
    this.folder = folder
    this.#password = password
    this.#settings = settings
    this.#primary = primary
  }

  get port(): number {
    if (this.#port === undefined) throw new Error('the server has not been started')
    return this.#port
  }

  get url(): string {
    return `postgres://postgres:${this.#password}@127.0.0.1:${this.port}/postgres`
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  async connect(): Promise<pg.Client> {
    const client = new pg.Client(this.url)
    client.on('error', () => undefined) // a test that ends the server sees its queries fail
    await client.connect()
    this.#clients.push(client)
    return client
  }

  async start(settings: Settings = {}): Promise<void> {
    if (this.isRunning) throw new Error('the server runs already')
    this.#settings = { ...this.#settings, ...settings }
    const deadline = Date.now() + deadlineMs
    for (;;) {
      if (await this.#tryToStart()) return
      const log = await readFile(join(this.folder, 'postgres.log'), 'utf8')
      // After kill -9 the children may not have noticed yet; and a port may be in somebody's passing use.
      const isPassing = /pre-existing shared memory|could not bind|Address already in use/.test(log)
      if (!isPassing || Date.now() > deadline) throw new Error(`PostgreSQL did not start:\n${log}`)
      await sleep(50)
    }
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    if (!this.isRunning) return
    this.#child?.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await this.#ended()
  }

  async kill9(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended()
  }

  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  async standby(settings: Settings = {}): Promise<Standby> {
    const folder = await createFolder(this.user)
    const data = join(folder, 'data')
    try {
      await this.#copyWhileRunning(data)
      await writeFile(join(data, 'standby.signal'), '')
      await own(data, this.user)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
    const primary = { host: '127.0.0.1', port: this.port, user: 'postgres', password: this.#password }
    const conninfo = Object.entries(primary).map(([name, value]) => `${name}=${value}`)
    // In a file and not by a flag, so that it can be changed while the server runs.
    await writeFile(
      join(data, 'postgresql.auto.conf'),
      `primary_conninfo = '${conninfo.join(' ')}'\nwal_retrieve_retry_interval = '100ms'\n`,
    )
    await own(data, this.user)
    const server = new Server(
      this.#binaries,
      this.user,
      folder,
      this.#password,
      { ...this.#settings, ...settings },
      this,
    )
    this.#standbys.push(server)
    await server.start()
    return server
  }

  async caughtUp(): Promise<void> {
    if (!this.#primary) throw new Error('not a standby')
    const [primary, standby] = [await this.#primary.connect(), await this.connect()]
    const { rows } = await primary.query('select pg_current_wal_lsn() as lsn')
    await until(standby, `select pg_last_wal_replay_lsn() >= '${rows[0].lsn}'`)
    await Promise.all([primary.end(), standby.end()])
  }

  async stopReceiving(): Promise<void> {
    const client = await this.connect()
    await client.query(`alter system set primary_conninfo = ''`)
    await client.query('select pg_reload_conf()')
    await until(client, 'select not exists (select from pg_stat_wal_receiver)')
    await client.end()
  }

  async promote(): Promise<void> {
    const client = await this.connect()
    await client.query('select pg_promote(true, 60)')
    await until(client, 'select not pg_is_in_recovery()')
    await client.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const standby of this.#standbys) await standby[Symbol.asyncDispose]()
    await Promise.allSettled(this.#clients.map((client) => client.end()))
    await this.stop('immediate')
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  /** False when it has exited instead; its log says why. */
  async #tryToStart(): Promise<boolean> {
    this.#port ??= await freePort()
    const data = join(this.folder, 'data')
    const settings = { ...this.#settings, port: String(this.#port) }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const log = await open(join(this.folder, 'postgres.log'), 'w')
    const child = spawn(this.#binaries.postgres, ['-D', data, ...flags], {
      ...this.user,
      cwd: '/',
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, LC_ALL: 'C' },
    })
    await log.close()
    child.on('error', () => undefined) // seen as an exit
    child.unref()
    this.#child = child
    this.#release = guard(child.pid ?? 0, this.folder)
    const deadline = Date.now() + deadlineMs
    while (this.isRunning && Date.now() < deadline) {
      const postmaster = await readPostmaster(data)
      if (postmaster?.pid === child.pid && postmaster?.isReady) return true
      await sleep(10)
    }
    await this.stop('immediate')
    this.#release()
    return false
  }

  async #ended(): Promise<void> {
    while (this.isRunning) await sleep(5)
    this.#release()
  }

  /** A base backup by copying files, since the embedded binaries have no pg_basebackup. */
  async #copyWhileRunning(target: string): Promise<void> {
    const source = join(this.folder, 'data')
    const client = await this.connect()
    const { rows } = await client.query(`select current_setting('server_version_num')::int >= 150000 as is15`)
    const [start, stop] = rows[0].is15
      ? [`pg_backup_start('standby', true)`, 'pg_backup_stop(false)']
      : [`pg_start_backup('standby', true, false)`, 'pg_stop_backup(false, false)']
    await client.query(`select ${start}`)
    await copyFolder(source, target)
    const backup = await client.query(`select labelfile from ${stop}`)
    await writeFile(join(target, 'backup_label'), backup.rows[0].labelfile)
    await client.end()
  }
}

/** Files that vanish meanwhile are no loss: the log says so, too. */
async function copyFolder(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true })
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    const path = relative(source, join(entry.parentPath, entry.name))
    if (!isCopied(path)) continue
    if (entry.isDirectory()) await mkdir(join(target, path), { recursive: true })
    else await copyFile(join(source, path), join(target, path)).catch(ignoreMissing)
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** What the primary has of its own, or makes anew. The log comes by streaming. */
function isCopied(path: string): boolean {
  if (/^(postmaster\.(pid|opts)|pg_(wal|replslot|stat_tmp|notify|serial|snapshots|subtrans)\/.+)$/.test(path))
    return false
  return !/(^|\/)pgsql_tmp/.test(path)
}

/** The tests' server says where its programs are; they may be on another machine, though. */
async function binariesOfTests(user: SystemUser): Promise<Binaries> {
  const url = process.env['ROWCAST_TEST_SERVER'] ?? process.env['DATABASE_URL']
  if (!url) return findBinaries(user)
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query(`select setting as folder from pg_config where name = 'BINDIR'`)
  await client.end()
  const [initdb, postgres] = ['initdb', 'postgres'].map((name) => join(rows[0].folder, name))
  if (initdb && postgres && existsSync(initdb) && existsSync(postgres)) return { initdb, postgres }
  return findBinaries(user)
}

async function createFolder(user: SystemUser): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rowcast-postgres-'))
  await own(folder, user)
  return folder
}

async function own(folder: string, { uid, gid }: SystemUser): Promise<void> {
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o700)
  if (uid === undefined || gid === undefined) return
  await chown(folder, uid, gid)
  for (const entry of await readdir(folder, { recursive: true })) await lchown(join(folder, entry), uid, gid)
}

async function initdb(binaries: Binaries, user: SystemUser, folder: string, password: string): Promise<void> {
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  await own(folder, user)
  const options = [
    `--pgdata=${join(folder, 'data')}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ]
  const child = spawn(binaries.initdb, options, { ...user, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text))
  const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done))
  if (code !== 0) throw new Error(`initdb failed:\n${output}`)
}

async function until(client: pg.Client, query: string): Promise<void> {
  const deadline = Date.now() + deadlineMs
  for (;;) {
    const { rows } = await client.query({ text: query, rowMode: 'array' })
    if (rows[0]?.[0] === true) return
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${query}`)
    await sleep(20)
  }
}
