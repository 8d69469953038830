import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, vi } from 'vitest'
import {
  createClient,
  pageSession,
  type Client,
  type Followed,
  type RowcastError,
} from '../../client/core/index.ts'
import { migrate } from '../../server/db/migrate.ts'

const accounts = 20
const opening = 1_000

/**
 * What the tests of this folder work on: accounts whose sum is constant, entries that are only added, each
 * under a name that is used once, and quiet rows that nobody changes.
 */
export async function createBank(url: string): Promise<void> {
  await migrate(url)
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`
    create table account (id integer primary key, balance integer not null);
    create table entry (name text primary key, amount integer not null);
    create table quiet (id integer primary key, word text not null);
    insert into account select n, ${opening} from generate_series(1, ${accounts}) as n;
    insert into quiet select n, 'word ' || n from generate_series(1, 50) as n;
    select event.track('account'), event.track('entry'), event.track('quiet')`)
  await client.end()
}

/** Writes transfers until it is stopped, and connects anew whenever one has failed. */
export interface Writer {
  /** Entries whose commit the database has confirmed. */
  readonly confirmed: readonly string[]
  /** What PostgreSQL, or the network, called each failure. */
  readonly failures: readonly string[]
  /** Resolves when so many more have been confirmed. */
  more(count: number): Promise<void>
  stop(): Promise<void>
}

let writers = 0

/** @param settings SQL, run on each connection first */
export function startWriter(url: string, settings = ''): Writer {
  const prefix = `w${++writers}`
  const confirmed: string[] = []
  const failures: string[] = []
  let isStopped = false
  const running = (async () => {
    let attempt = 0
    while (!isStopped) {
      const client = new pg.Client(url)
      client.on('error', () => undefined)
      try {
        await client.connect()
        await client.query(settings)
        while (!isStopped) {
          const name = `${prefix}.${++attempt}`
          const [from, to] = [1 + (attempt % accounts), 1 + ((attempt * 7 + 3) % accounts)]
          await client.query(`begin;
            update account set balance = balance - 1 where id = ${Math.min(from, to)};
            update account set balance = balance + 1 where id = ${Math.max(from, to)};
            insert into entry values ('${name}', 1);
            commit`)
          confirmed.push(name)
          await sleep(2)
        }
      } catch (error) {
        failures.push(String((error as { code?: unknown }).code ?? error))
        await sleep(20) // another attempt has another name
      } finally {
        await client.end().catch(() => undefined)
      }
    }
  })()
  return {
    confirmed,
    failures,
    async more(count) {
      const wanted = confirmed.length + count
      await waitFor(() => expect(confirmed.length).toBeGreaterThanOrEqual(wanted))
    },
    stop() {
      isStopped = true
      return running
    },
  }
}

/** A client as a page has it, and a record of what it showed. */
export interface Page extends Disposable {
  readonly client: Client
  /** What no page may ever show; each once. */
  readonly wrongs: ReadonlySet<string>
  /** What `useTable` and the others said since everything was first ready. */
  readonly statuses: ReadonlySet<string>
  /** What `useConnection` said, each change of it. */
  readonly connections: readonly string[]
  /** The epochs at which it has stood. */
  readonly epochs: ReadonlySet<string>
  readonly errors: readonly RowcastError[]
  /** The names of entries that `useChanges` gave, in their order. */
  readonly inserted: readonly string[]
  /** Why `useChanges` said that some are missing. */
  readonly gaps: readonly string[]
  /** The objects that it holds of the quiet rows, by key. */
  quiet(): ReadonlyMap<unknown, object>
  isLive(): boolean
  /** What it shows, as `shownBy` the database. */
  shown(): Shown
}

type Rows = readonly Readonly<Record<string, unknown>>[]

export interface Shown {
  readonly all: Rows
  readonly richest: Rows
  readonly rich: Rows
  readonly entries: Rows
  readonly first: Rows[number] | null
}

/** Opens a page, and resolves when everything on it is ready. */
export async function openPage(url: string): Promise<Page> {
  const errors: RowcastError[] = []
  const client = createClient({
    url,
    session: pageSession(),
    transports: ['websocket'],
    retryDelayMs: 50,
    maxRetryDelayMs: 500,
    acknowledgeMs: 500,
    onError: (error) => errors.push(error),
  })
  const all = client.table('account', { orderBy: { id: 'asc' } })
  const richest = client.table('account', { orderBy: { balance: 'desc', id: 'asc' }, limit: 5 })
  const rich = client.table('account', { where: { balance: { gt: opening } } })
  const entries = client.table('entry')
  const quiet = client.table('quiet')
  const first = client.row('account', 1)
  const changes = client.changes('entry', { last: 1_000_000 })
  const followed: readonly Followed<unknown>[] = [all, richest, rich, entries, quiet, first, changes]

  const [wrongs, statuses, epochs] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const connections: string[] = []
  let wasReady = false
  const look = () => {
    const { connection, position } = client.store.getState()
    if (connections.at(-1) !== connection.status) connections.push(connection.status)
    if (position !== undefined) epochs.add(position.slice(0, position.indexOf('/')))
    const isReady = followed.every((each) => each.getSnapshot().status === 'ready')
    wasReady ||= isReady
    if (!wasReady) return
    for (const each of followed) statuses.add(each.getSnapshot().status)
    const sum = (all.getSnapshot().data ?? []).reduce((total, row) => total + Number(row['balance']), 0)
    if (sum !== accounts * opening) wrongs.add(`half a transaction: the sum is ${sum}`)
  }
  const inserted = () =>
    (changes.getSnapshot().data ?? []).flatMap(({ op, key }) =>
      op === 'row_insert' ? [String((JSON.parse(key) as unknown[])[0])] : [],
    )
  const stops = [client.store.subscribe(look), ...followed.map((each) => each.subscribe(look))]
  await waitFor(() => expect(wasReady && client.store.getState().connection.status).toBe('live'))
  return {
    client,
    wrongs,
    statuses,
    connections,
    epochs,
    errors,
    get inserted() {
      return inserted()
    },
    get gaps() {
      return (changes.getSnapshot().data ?? []).flatMap((change) =>
        change.op === 'gap' ? [change.reason] : [],
      )
    },
    quiet: () => new Map((quiet.getSnapshot().data ?? []).map((row) => [row['id'], row])),
    isLive: () => client.store.getState().connection.status === 'live',
    shown: () => ({
      all: all.getSnapshot().data ?? [],
      richest: richest.getSnapshot().data ?? [],
      rich: sorted(rich.getSnapshot().data ?? [], 'id'),
      entries: sorted(entries.getSnapshot().data ?? [], 'name'),
      first: first.getSnapshot().data ?? null,
    }),
    [Symbol.dispose]() {
      for (const stop of stops) stop()
      client.close()
    },
  }
}

/** What a page would show that has everything. */
export async function shownBy(url: string): Promise<Shown> {
  const client = new pg.Client(url)
  await client.connect()
  const rows = async (sql: string) => (await client.query(sql)).rows
  const result = {
    all: await rows('select * from account order by id'),
    richest: await rows('select * from account order by balance desc, id limit 5'),
    rich: await rows(`select * from account where balance > ${opening} order by id`),
    entries: await rows('select * from entry order by name collate "C"'),
    first: (await rows('select * from account where id = 1'))[0] ?? null,
  }
  await client.end()
  return result
}

/**
 * The law, once nobody writes any more: every page is live and shows what the database has, has never shown
 * anything that cannot be, and has been given no change twice.
 */
export async function expectEqual(pages: readonly Page[], url: string): Promise<void> {
  for (const page of pages) {
    await waitFor(() => expect(page.isLive()).toBe(true))
    const expected = await shownBy(url)
    await waitFor(() => expect(differences(page.shown(), expected)).toEqual({}))
    expect([...page.wrongs]).toEqual([])
    expect([...page.statuses]).toEqual(['ready'])
    const { inserted } = page
    expect(inserted.length - new Set(inserted).size, 'changes given twice').toBe(0)
  }
}

/** The first of each part that is not as expected: all of them would fill the screen. */
function differences(shown: Shown, expected: Shown): Record<string, unknown> {
  const parts = Object.keys(expected) as (keyof Shown)[]
  return Object.fromEntries(
    parts.flatMap((part) => {
      const [is, wanted] = [textsOf(shown[part]), textsOf(expected[part])]
      const at = wanted.findIndex((row, i) => row !== is[i])
      if (at < 0 && is.length === wanted.length) return []
      return [[part, `${is.length} rows instead of ${wanted.length}: ${is[at]} instead of ${wanted[at]}`]]
    }),
  )
}

function textsOf(rows: Shown[keyof Shown]): string[] {
  return [rows].flat().map((row) => JSON.stringify(row))
}

export function waitFor(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 30_000, interval: 10 })
}

/** What docs/promises.md says of times: `ROWCAST_TEST_FIGURES=1 npx vitest run --project pg test/cluster`. */
export function tellFigure(figure: string): void {
  if (process.env['ROWCAST_TEST_FIGURES']) console.log(figure)
}

function sorted(rows: Rows, column: string): Rows {
  return rows.toSorted((a, b) => (a[column]! < b[column]! ? -1 : 1))
}
