import type { Child } from '../test/child.ts'
import { bridgeSql } from './sides/bridge.ts'
import { alternate, median, medianRatio } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { now } from './suite/clock.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { atLeast, atMost, figure, type Figure } from './suite/report.ts'

/** What capture costs those who commit one row at a time: how many commits each second remain of what PostgreSQL does without. */
export const commits: Bench = {
  name: 'commits',
  summary: 'commits of one row by 1 to 64 writers: without capture, with a NOTIFY each, and with Rowcast',
  async run(context) {
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    return { postgresql: database.version, figures: await measure(database, processes, context) }
  },
}

const writerCounts = [1, 8, 32, 64]
const rounds = 4
const secondsEach = 0.6
const tables = ['plain', 'notified', 'unfollowed', 'followed'] as const

/** Of what PostgreSQL does without capture, and of what it does with a NOTIFY a commit. */
const targets: Readonly<Record<number, { unfollowed: number; followed: number; notified: number | null }>> = {
  1: { unfollowed: 0.7, followed: 0.5, notified: null },
  32: { unfollowed: 0.6, followed: 0.5, notified: 2.5 },
  64: { unfollowed: 0.6, followed: 0.5, notified: 2.5 },
}

interface Measured {
  readonly perSecond: number
  /** From the last commit until the client held all. */
  readonly lagMs: number
}

async function measure(
  database: BenchDatabase,
  processes: Processes,
  { scale, say }: BenchContext,
): Promise<Figure[]> {
  const { admin, role } = database
  for (const table of tables)
    await admin.query(`create table ${table} (id bigint generated always as identity primary key,
      channel_id int default 1, author text default 'ann', body text default 'hello world', at timestamptz default now())`)
  await admin.query(`${bridgeSql('notified')} grant select on followed to ${role};
    select event.track('unfollowed'); select event.track('followed')`)

  say('starting the server, a client and the writers')
  const server = processes.startServer('server', new URL('sides/rowcast-server.ts', import.meta.url))
  const client = processes.start('client', new URL('sides/rowcast-client.ts', import.meta.url))
  const writer = processes.start('writers', new URL('sides/commit-writers.ts', import.meta.url))
  const port = await server.ask<number>('serve', { database: database.serverUrl, role })
  const followed = { kind: 'table', relation: 'public.followed' }
  await client.ask('open', { url: `http://127.0.0.1:${port}`, subscription: followed })
  await writer.ask('connect', {
    database: database.url,
    writers: Math.max(...writerCounts),
    statements: tables.map((table) => `insert into ${table} default values`),
  })

  const figures: Figure[] = []
  for (const writers of writerCounts) {
    const work = new Work(writer, client, writers, secondsEach * scale)
    say(`${writers} writers`)
    const sides = await alternate(rounds, {
      plain: () => work.on('plain'),
      notified: () => work.on('notified'),
      unfollowed: () => work.on('unfollowed'),
      followed: async () => {
        const { commits, ...measured } = await work.on('followed')
        const { rows } = await admin.query<{ count: number }>('select count(*)::int from followed')
        const lagMs = await work.untilHeld(rows[0]?.count ?? NaN)
        return { ...measured, commits, lagMs }
      },
    })
    figures.push(...figuresOf(writers, sides, scale === 1))
  }
  const { rows } = await admin.query<{ id: string }>('select id::text from followed')
  const held = new Set((await client.ask<{ id: string }[]>('rows')).map(({ id }) => id))
  const missing = rows.filter(({ id }) => !held.has(id)).length
  return [...figures, atMost('rows that the client does not have in the end', missing, '', 0)]
}

class Work {
  readonly #writer: Child
  readonly #client: Child
  readonly #writers: number
  readonly #seconds: number

  constructor(writer: Child, client: Child, writers: number, seconds: number) {
    this.#writer = writer
    this.#client = client
    this.#writers = writers
    this.#seconds = seconds
  }

  async on(table: (typeof tables)[number]): Promise<Measured & { commits: number }> {
    const statement = tables.indexOf(table)
    const options = { writers: this.#writers, statement, seconds: this.#seconds }
    const written = await this.#writer.ask<{ commits: number; perSecond: number }>('write', options)
    return { ...written, lagMs: 0 }
  }

  async untilHeld(rows: number): Promise<number> {
    const startedAt = now()
    return Math.max(0, (await this.#client.ask<number>('until', rows)) - startedAt)
  }
}

function figuresOf(
  writers: number,
  sides: Readonly<Record<(typeof tables)[number], readonly Measured[]>>,
  isJudged: boolean,
): Figure[] {
  const rates = (table: (typeof tables)[number]) => sides[table].map(({ perSecond }) => perSecond)
  const target = isJudged ? targets[writers] : undefined
  const name = (what: string) => `${writers} ${writers === 1 ? 'writer' : 'writers'}: ${what}`
  const [plain, notified, unfollowed, followed] = tables.map(rates) as [
    number[],
    number[],
    number[],
    number[],
  ]
  return [
    figure(name('no capture'), median(plain), '/s'),
    figure(name('one NOTIFY per commit'), median(notified), '/s'),
    figure(name('Rowcast, nobody follows the table'), median(unfollowed), '/s'),
    figure(name('Rowcast, one client gets everything'), median(followed), '/s'),
    atLeast(
      name('nobody follows, of no capture'),
      medianRatio(unfollowed, plain),
      '×',
      target?.unfollowed ?? null,
    ),
    atLeast(
      name('nobody follows, of one NOTIFY per commit'),
      medianRatio(unfollowed, notified),
      '×',
      target?.notified ?? null,
    ),
    atLeast(name('one client, of no capture'), medianRatio(followed, plain), '×', target?.followed ?? null),
    atLeast(
      name('one client, of one NOTIFY per commit'),
      medianRatio(followed, notified),
      '×',
      target?.notified ?? null,
    ),
    figure(
      name('the client has all, after the last commit'),
      median(sides.followed.map(({ lagMs }) => lagMs)),
      'ms',
    ),
  ]
}
