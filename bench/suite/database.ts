import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { migrate } from '../../server/db/migrate.ts'
import { startEmbeddedPostgres } from '../../server/embedded/embedded-postgres.ts'

/** A migrated database of a bench's own. Disposing it drops it, with the role. */
export interface BenchDatabase extends AsyncDisposable {
  readonly url: string
  /** As the user of Rowcast's servers that the guide describes: no superuser; exempt from row security, and may read every table. */
  readonly serverUrl: string
  readonly admin: pg.Client
  /** A role for the clients, which may nothing yet. */
  readonly role: string
  /** What it is a member of. */
  readonly group: string
  /** Of PostgreSQL. */
  readonly version: string
  /** What all processes of the server have used since it started; NaN where that cannot be seen. */
  cpuMs(): Promise<number>
}

/** As durable as PostgreSQL is by itself. */
const durable = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' }

/**
 * In an embedded PostgreSQL with the settings that users get, or in the one of DATABASE_URL.
 *
 * @param beside in the same PostgreSQL as another, which must be disposed of later
 */
export async function openDatabase(
  say: (message: string) => void,
  beside?: BenchDatabase,
): Promise<BenchDatabase> {
  const endings: (() => Promise<unknown>)[] = []
  const end = async () => {
    for (const ending of endings.splice(0).toReversed()) await ending()
  }
  try {
    let server = beside?.url ?? process.env['DATABASE_URL']
    if (!server) {
      say('starting PostgreSQL')
      const folder = await mkdtemp(join(tmpdir(), 'rowcast-bench-'))
      const embedded = await startEmbeddedPostgres({ folder, temporary: true, settings: durable })
      endings.push(() => embedded.stop())
      server = embedded.url
    }
    const name = `rowcast_bench_${randomBytes(4).toString('hex')}`
    const role = `${name}_user`
    const first = await connect(server, endings)
    const group = `${name}_users`
    const user = `${name}_server`
    const password = randomBytes(16).toString('hex')
    await first.query(`create role ${role} nologin; create role ${group} nologin role ${role};
      create role ${user} login noinherit bypassrls password '${password}'; grant ${role} to ${user}`)
    endings.push(() => first.query(`drop role ${user}; drop role ${role}; drop role ${group}`))
    await first.query(`create database ${name}`)
    endings.push(() => first.query(`drop database ${name} with (force)`))
    const url = new URL(server)
    url.pathname = name
    const admin = await connect(url.href, endings)
    await migrate(admin)
    await admin.query('select event.grant_server($1)', [user])
    await admin.query(`alter default privileges in schema public grant select on tables to ${user}`)
    const serverUrl = new URL(url)
    serverUrl.username = user
    serverUrl.password = password
    const { rows } = await admin.query(
      `select current_setting('server_version') as version, pg_backend_pid() as pid`,
    )
    const { version, pid } = rows[0] as { version: string; pid: number }
    return {
      url: url.href,
      serverUrl: serverUrl.href,
      admin,
      role,
      group,
      version,
      cpuMs: () => familyCpuMs(pid),
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await end()
    throw error
  }
}

async function connect(url: string, endings: (() => Promise<unknown>)[]): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  endings.push(() => client.end())
  return client
}

/** /proc counts in these. */
const tickMs = 10

interface Stat {
  readonly pid: number
  readonly command: string
  readonly parent: number
  readonly ownMs: number
  /** Of children that have ended. */
  readonly goneMs: number
}

/** What the parent of a PostgreSQL process and all its children, also those that have ended, have used. */
async function familyCpuMs(pid: number): Promise<number> {
  const self = await statOf(pid)
  const parent = self && (await statOf(self.parent))
  if (parent?.command !== 'postgres') return NaN // on another machine, in a container, or not Linux
  const others = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .map(statOf),
  )
  return others.reduce(
    (sum, other) => (other?.parent === parent.pid ? sum + other.ownMs + other.goneMs : sum),
    parent.ownMs + parent.goneMs,
  )
}

async function statOf(pid: number): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  const [, command, rest] = /^\d+ \((.*)\) (.*)$/s.exec(text ?? '') ?? []
  if (command === undefined || rest === undefined) return undefined
  const fields = rest.split(' ').map(Number) // from the third on, the state
  const [user = 0, system = 0, goneUser = 0, goneSystem = 0] = fields.slice(11)
  return {
    pid,
    command,
    parent: fields[1] ?? 0,
    ownMs: (user + system) * tickMs,
    goneMs: (goneUser + goneSystem) * tickMs,
  }
}
