import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { migrate } from '../server/db/migrate.ts'
import { noCounts, type Counts } from './check-parts.ts'
import { isLeak, type Finding } from './findings.ts'
import { randomFrom } from './random.ts'
import { createRoles, dropRoles, rolesNamed, type Roles } from './roles.ts'
import { run, type Outcome, type RunOptions } from './run.ts'

export interface AuditOptions {
  /** A superuser, on the PostgreSQL that is to be tried. */
  readonly url: string
  /** The first run's; each run has the next. */
  readonly seed: number
  /** No run begins after that time. */
  readonly seconds: number
  readonly size?: Partial<RunSize>
  /** One of these is enough: then no further world is begun. */
  readonly until?: readonly Finding['kind'][]
  readonly onRun?: (outcome: Outcome) => void
  /** Once it is aborted no world is begun, and the one that there is is given up: the outcome is of those before. */
  readonly signal?: AbortSignal
}

/** What was found, and by which seed it is found again. */
export type SeededFinding = Finding & { readonly seed: number }

export interface AuditOutcome {
  readonly seed: number
  readonly runs: number
  readonly seconds: number
  readonly postgres: string
  readonly counts: Counts
  readonly leaks: readonly SeededFinding[]
  readonly faults: readonly SeededFinding[]
}

/** How much happens in each world, and how long things may take. */
export type RunSize = Pick<RunOptions, 'calm' | 'changes' | 'longestMs' | 'graceMs' | 'restMs' | 'writers'>

const defaultSize: RunSize = {
  calm: 100,
  changes: 6,
  longestMs: 30_000,
  graceMs: 3_000,
  restMs: 30_000,
  writers: 3,
}

/**
 * Tries for a while, in databases of its own that it drops again, whether anybody is sent what PostgreSQL would not have
 * let him read: random tables, policies, grants, identities, transactions and clients, one world after the other.
 */
export async function audit(options: AuditOptions): Promise<AuditOutcome> {
  await using scratch = await Scratch.create(options.url)
  const start = performance.now()
  const elapsed = (): number => (performance.now() - start) / 1000
  const counts = noCounts()
  const found: SeededFinding[] = []
  const { signal = new AbortController().signal } = options
  let runs = 0
  do {
    const seed = options.seed + runs
    const outcome = await scratch.with(seed, (place) =>
      run({ ...defaultSize, ...options.size, seed, ...place, signal }),
    )
    if (!outcome) break
    runs++
    for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] += outcome.counts[name]
    found.push(...outcome.findings.map((finding) => ({ ...finding, seed })))
    options.onRun?.(outcome)
  } while (elapsed() < options.seconds && !found.some(({ kind }) => options.until?.includes(kind)))
  found.push(...unchecked(counts).map((finding) => ({ ...finding, seed: options.seed })))
  return {
    seed: options.seed,
    runs,
    seconds: elapsed(),
    postgres: scratch.version,
    counts,
    leaks: found.filter(isLeak),
    faults: found.filter((finding) => !isLeak(finding)),
  }
}

/** An audit that had nothing to look at would find nothing. */
function unchecked(counts: Counts): Finding[] {
  const needed = ['commits', 'frames', 'values', 'deletes', 'compared', 'comparedRows'] as const
  return needed
    .filter((name) => counts[name] === 0)
    .map((name) => ({
      kind: 'unchecked',
      client: '',
      identity: '',
      message: `there were no ${name} to be checked`,
      commit: '',
      times: 1,
    }))
}

/** Databases and roles of one audit. */
class Scratch implements AsyncDisposable {
  readonly version: string
  readonly #url: string
  readonly #name: string
  readonly #admin: pg.Client
  readonly #roles: Roles
  readonly #password: string

  private constructor(parts: { url: string; name: string; admin: pg.Client; version: string }) {
    this.#url = parts.url
    this.#name = parts.name
    this.#admin = parts.admin
    this.version = parts.version
    this.#roles = rolesNamed(parts.name)
    this.#password = randomBytes(16).toString('hex')
  }

  static async create(url: string): Promise<Scratch> {
    const admin = new pg.Client({ connectionString: url, application_name: 'rowcast audit' })
    admin.on('error', () => undefined) // its queries fail too
    await admin.connect()
    const name = `rowcast_audit_${randomBytes(4).toString('hex')}`
    const { rows } = await admin.query<{ version: string }>(
      `select current_setting('server_version') as version`,
    )
    const scratch = new Scratch({ url, name, admin, version: rows[0]?.version ?? '' })
    try {
      await admin.query(`create database ${name}`)
      await migrate(urlOf(url, name))
      await admin.query(createRoles(scratch.#roles))
      await admin.query(`create role ${scratch.#server} login noinherit password '${scratch.#password}';
        grant ${Object.values(scratch.#roles).join(', ')} to ${scratch.#server}`)
    } catch (error) {
      await scratch[Symbol.asyncDispose]()
      throw error
    }
    return scratch
  }

  get #server(): string {
    return `${this.#name}_server`
  }

  /**
   * Gives a run a database. Its server is sometimes the one who owns it, whom row security does not concern, and
   * sometimes one who has nothing but what it needs.
   */
  async with<T>(
    seed: number,
    work: (place: Pick<RunOptions, 'database' | 'serverDatabase' | 'roles'>) => Promise<T>,
  ): Promise<T> {
    const name = `${this.#name}_run`
    await this.#admin.query(`create database ${name} template ${this.#name}`)
    try {
      const database = urlOf(this.#url, name)
      const isOwner = randomFrom(seed, 'server').chance(0.4)
      if (!isOwner) await this.#grantServer(database)
      const serverDatabase = isOwner ? database : urlOf(database, name, this.#server, this.#password)
      return await work({ database, serverDatabase, roles: this.#roles })
    } finally {
      await this.#admin.query(`drop database ${name} with (force)`)
    }
  }

  async #grantServer(database: string): Promise<void> {
    const client = new pg.Client(database)
    await client.connect()
    try {
      await client.query('select event.grant_server($1)', [this.#server])
    } finally {
      await client.end()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.query(`drop database if exists ${this.#name} with (force)`)
    await this.#admin.query(`drop role if exists ${this.#server}`)
    await this.#admin.query(dropRoles(this.#roles))
    await this.#admin.end()
  }
}

function urlOf(url: string, database: string, user?: string, password?: string): string {
  const other = new URL(url)
  other.pathname = `/${database}`
  if (user !== undefined) other.username = user
  if (password !== undefined) other.password = password
  return other.href
}
