import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { quote } from '../server/routing/select.ts'
import type { Value } from '../shared/change.ts'
import type { Committed } from './history.ts'
import type { Random } from './random.ts'
import type { Rights } from './rights.ts'
import type { Observer, Sights } from './sights.ts'
import { randomKey, valueFor } from './subscriptions.ts'
import { columnFor, tableOrPartition, type AuditColumn, type AuditTable } from './tables.ts'

/** Commits happen one after the other under this lock, and are looked at under it. */
const commitLock = 'select pg_advisory_lock(7310866249043117301)'
const commitUnlock = 'select pg_advisory_unlock(7310866249043117301)'

/** Somebody nearly always has the table that is to be changed locked. */
const rightsAttempts = 30

/** Where committed transactions are written down, and what is drawn on by all who write. */
export class Recorder {
  readonly commits: Committed[] = []
  readonly #observer: Observer
  #tokens = 0

  constructor(observer: Observer) {
    this.#observer = observer
  }

  /** Text that occurs nowhere else. */
  token(): string {
    return `tk${(this.#tokens++).toString(36).padStart(4, '0')}q`
  }

  observe(client: pg.ClientBase): Promise<Sights> {
    return this.#observer.observe(client)
  }

  /** The state before anybody writes. */
  async begin(client: pg.ClientBase): Promise<void> {
    const { rows } = await client.query<{ xid: string }>('select pg_current_xact_id()::text as xid')
    const now = Date.now()
    this.commits.push({
      xid: BigInt(rows[0]?.xid ?? 0),
      what: 'the beginning',
      committingAt: now,
      committedAt: now,
      isUnlogged: false,
      after: await this.observe(client),
      during: [],
    })
  }

  /** Commits what a connection has done, and looks at what everybody sees then. It must have the lock. */
  async commit(
    client: pg.ClientBase,
    { xid, what, during, isUnlogged }: Pick<Committed, 'what' | 'during' | 'isUnlogged'> & { xid: string },
  ): Promise<void> {
    const committingAt = Date.now()
    await client.query('commit')
    const committedAt = Date.now()
    const after = await this.observe(client).catch((cause: unknown) => {
      throw new Error('could not look at what everybody sees', { cause }) // it has committed: there is no other try
    })
    this.commits.push({ xid: BigInt(xid), what, committingAt, committedAt, isUnlogged, after, during })
  }
}

/**
 * Runs one transaction that may fail for its own reasons: a conflict with another, a lock that took too long. What changes
 * rights has the lock for commits from its beginning: it locks tables, and whoever looks at them has that lock already. What
 * looks between its statements has it from then on: what it sees there is to be seen at its place among the commits.
 */
async function transaction(
  client: pg.ClientBase,
  recorder: Recorder,
  isUnlogged: boolean,
  work: (note: (what: string) => void, look: () => Promise<void>) => Promise<'commit' | 'rollback'>,
): Promise<boolean> {
  if (isUnlogged) await client.query(commitLock)
  let isLocked = isUnlogged
  const lock = async (): Promise<void> => {
    if (!isLocked) await client.query(commitLock)
    isLocked = true
  }
  await client.query(
    `begin; set local deadlock_timeout = '20ms'; set local lock_timeout = ${isUnlogged ? 50 : 1_000}`,
  )
  try {
    const { rows } = await client.query<{ xid: string }>('select pg_current_xact_id()::text as xid')
    const did: string[] = []
    const during: Sights[] = []
    const look = async (): Promise<void> => {
      await lock()
      during.push(await recorder.observe(client))
    }
    const end = await work((what) => did.push(what), look)
    if (end === 'rollback') {
      await client.query('rollback')
      return false
    }
    await lock()
    await recorder.commit(client, { xid: rows[0]?.xid ?? '0', what: did.join('; '), during, isUnlogged })
    return true
  } catch (error) {
    await client.query('rollback')
    if (typeof (error as { code?: unknown }).code !== 'string') throw error // a mistake of the audit's own
    return false
  } finally {
    if (isLocked) await client.query(commitUnlock)
  }
}

/** Changes rows and memberships until it is told to stop. */
export async function writeRows(
  client: pg.ClientBase,
  recorder: Recorder,
  random: Random,
  tables: readonly AuditTable[],
  isStopped: () => boolean,
): Promise<void> {
  while (!isStopped()) {
    await transaction(client, recorder, false, async (note, look) => {
      let isFirst = true
      const run = async ({ text, values }: Statement): Promise<void> => {
        if (!isFirst) await look()
        isFirst = false
        await client.query(text, [...values])
        note(`${text} ${JSON.stringify(values)}`)
      }
      const token = (): string => recorder.token()
      if (random.chance(0.25)) {
        const place = randomPlace(random, tables)
        for (const statement of await thereAndBack(client, random, place, token)) await run(statement)
        return 'commit'
      }
      let row: Place | undefined
      for (let count = Number(random.weighted({ 1: 5, 2: 3, 3: 2, 4: 1 })); count > 0; count--) {
        if (!row || random.chance(0.5)) row = randomPlace(random, tables)
        const statement = randomStatement(random, row, token)
        if (random.chance(0.1)) {
          await client.query('savepoint s')
          await client.query(statement.text, [...statement.values])
          await client.query('rollback to savepoint s')
        } else await run(statement)
        if (random.chance(0.2)) await sleep(random.int(1, 15))
      }
      return random.chance(0.9) ? 'commit' : 'rollback'
    })
    await sleep(random.int(0, 30))
  }
}

/** Changes one right, together with some rows now and then. Tells whether it was changed. */
export async function changeRights(
  client: pg.ClientBase,
  recorder: Recorder,
  random: Random,
  tables: readonly AuditTable[],
  rights: Rights,
): Promise<boolean> {
  const { sql, done } = rights.change()
  for (let attempt = 0; attempt < rightsAttempts; attempt++) {
    if (await changeRightsOnce(client, recorder, random, tables, sql)) {
      done()
      return true
    }
    await sleep(random.int(5, 30))
  }
  return false
}

function changeRightsOnce(
  client: pg.ClientBase,
  recorder: Recorder,
  random: Random,
  tables: readonly AuditTable[],
  sql: string,
): Promise<boolean> {
  return transaction(client, recorder, true, async (note) => {
    await client.query(sql)
    note(sql)
    if (random.chance(0.3)) {
      const statement = randomStatement(random, randomPlace(random, tables), () => recorder.token())
      await client.query(statement.text, [...statement.values])
      note(`${statement.text} ${JSON.stringify(statement.values)}`)
    }
    return 'commit'
  })
}

/** Where a statement does something. */
interface Place {
  readonly table: AuditTable
  readonly key: readonly Value[]
}

function randomPlace(random: Random, tables: readonly AuditTable[]): Place {
  const table = random.pick(tables)
  if (!table) throw new Error('there is no table')
  return { table, key: randomKey(random, table) }
}

/**
 * A row comes to be another's, or hidden, and is what it was again, all but its content: what it holds in between is nobody's
 * to see who sees it before and after.
 */
async function thereAndBack(
  client: pg.ClientBase,
  random: Random,
  { table, key }: Place,
  token: () => string,
): Promise<Statement[]> {
  const others = table.columns.filter(({ name }) => !table.key.includes(name))
  const list = others.map(({ name }) => quote(name)).join(', ')
  const keyIs = table.key.map((name, i) => `${quote(name)} = $${i + 1}`).join(' and ')
  const { rows } = await client.query<Record<string, Value>>(
    `select ${list} from ${table.relation} where ${keyIs} for update`,
    [...key],
  )
  const [row] = rows
  if (!row) return []
  const update = (values: readonly Value[]): Statement => ({
    text: `update ${table.relation} set ${others
      .map(({ name }, i) => `${quote(name)} = $${key.length + i + 1}`)
      .join(', ')} where ${keyIs}`,
    values: [...key, ...values],
  })
  const content = (column: AuditColumn, otherwise: Value): Value =>
    column.means === undefined ? token() : otherwise
  return [
    update(others.map((column) => content(column, valueFor(random, column)))),
    update(others.map((column) => content(column, row[column.name] ?? null))),
  ]
}

interface Statement {
  readonly text: string
  readonly values: readonly Value[]
}

function randomStatement(random: Random, place: Place, token: () => string): Statement {
  const { table } = place
  const { relation, columns, key } = table
  const valueOf = (column: AuditColumn): Value =>
    key.includes(column.name) || column.means !== undefined ? valueFor(random, column) : token()
  const others = columns.filter(({ name }) => !key.includes(name))
  const keyIs = (from: number): string => key.map((name, i) => `${quote(name)} = $${from + i}`).join(' and ')
  const some = (): AuditColumn[] => random.shuffled(others).slice(0, random.int(1, others.length))
  const set = (chosen: readonly AuditColumn[]): string =>
    chosen.map(({ name }, i) => `${quote(name)} = $${i + 1}`).join(', ')
  const target = tableOrPartition(random, table, 0.2).relation
  switch (random.weighted({ upsert: 8, update: 8, update_some: 2, rekey: 1, delete: 4, delete_some: 1 })) {
    case 'upsert': {
      const names = columns.map(({ name }) => quote(name))
      return {
        text: `insert into ${relation} (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')})
          on conflict (${key.map(quote).join(', ')}) do update set ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`,
        values: columns.map((column) => place.key[key.indexOf(column.name)] ?? valueOf(column)),
      }
    }
    case 'update': {
      const chosen = some()
      return {
        text: `update ${target} set ${set(chosen)} where ${keyIs(chosen.length + 1)}`,
        values: [...chosen.map(valueOf), ...place.key],
      }
    }
    case 'update_some': {
      const chosen = some()
      const team = columnFor(table, 'team') ?? quote(key[0] ?? '')
      const column = columns.find(({ means }) => means === 'team')
      return {
        text: `update ${target} set ${set(chosen)} where ${team} = $${chosen.length + 1}`,
        values: [...chosen.map(valueOf), column ? valueFor(random, column) : null],
      }
    }
    case 'rekey': {
      const chosen = columns.filter(({ name }) => key.includes(name))
      return {
        text: `update ${target} set ${set(chosen)} where ${keyIs(chosen.length + 1)}`,
        values: [...chosen.map(valueOf), ...place.key],
      }
    }
    case 'delete':
      return { text: `delete from ${target} where ${keyIs(1)}`, values: place.key }
    case 'delete_some': {
      const owner = columns.find(({ means }) => means === 'owner')
      return owner
        ? {
            text: `delete from ${target} where ${quote(owner.name)} = $1`,
            values: [valueFor(random, owner)],
          }
        : { text: `delete from ${target} where ${keyIs(1)}`, values: place.key }
    }
  }
}
