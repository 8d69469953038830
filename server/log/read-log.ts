import pg from 'pg'

/** One row of `event.change`: what one statement did to one row. */
export interface LogRow {
  readonly op: 'row_insert' | 'row_delete' | 'field_update'
  readonly relationId: number
  readonly key: string
  /** JSON text, as PostgreSQL wrote it: the whole row, the changed fields, or null for a delete. */
  readonly new: string | null
  /** Likewise, but of a delete the whole row, and of an insert null. Undefined where it has not been asked for. */
  readonly old?: string | null
}

export interface LogTransaction {
  /** Transaction id (`xid8`) as text. */
  readonly id: string
  /** ISO 8601. */
  readonly at: string
  readonly rows: LogRow[]
}

/** What may be read in one go. */
export interface LogBounds {
  readonly maxRows: number
  /** Of the changes' new values, as JSON text. */
  readonly maxBytes: number
}

/**
 * It lies in memory as it is read, routed and encoded, and whoever follows something else waits meanwhile: about a
 * tenth of a second, and some 100 MB at the worst. An ordinary transaction never comes near.
 */
export const defaultBounds: LogBounds = { maxRows: 10_000, maxBytes: 16_000_000 }

/**
 * Each question may take a tenth of a second. Who has been away for so long that it takes more of them is better off when
 * everybody catches up.
 */
const maxQuestions = 8

export interface LogReading {
  readonly transactions: readonly LogTransaction[]
  /** Relations that have been left out, since all would have been too much: those with the most, or all of them. */
  readonly heavy: readonly number[]
}

const sql = 'select * from event.changes_between($1, $2, $3, $4, $5, $6)'

/**
 * The transactions that committed after snapshot `from` and up to `to`, as far as they changed the relations named.
 *
 * In the order of their last change: a row lock makes a later writer draw its number after the earlier
 * one has committed, so this order respects every dependency, and leaving relations out does not disturb it.
 *
 * @param withOld the relations of which old values are wanted, too
 * @throws an error of PostgreSQL's with the code of `position_expired` if the log no longer reaches back to `from`
 */
export async function readLog(
  client: pg.ClientBase,
  from: string,
  to: string,
  relationIds: readonly number[],
  bounds: LogBounds = defaultBounds,
  withOld: readonly number[] = [],
): Promise<LogReading> {
  if (from === to) return nothing
  return readWithin(relationIds, (wanted) => ask(client, from, to, wanted, bounds, withOld))
}

/** What has been read in a transaction, up to its snapshot `to`. */
export interface LogReadingNow extends LogReading {
  readonly to: string
  /** The rows of what was asked besides. */
  readonly aside: readonly unknown[]
}

/**
 * As `readLog`, in a transaction that it begins: up to the snapshot of that, which is all that has been committed by then.
 *
 * Whoever waits for a commit waits for this, so all of it is asked in one round trip.
 *
 * @param asideSql another question, to be answered as of the same snapshot
 * @throws as `readLog`; the transaction has failed then
 */
export async function beginReading(
  client: pg.ClientBase,
  from: string,
  relationIds: readonly number[],
  bounds: LogBounds = defaultBounds,
  withOld: readonly number[] = [],
  asideSql?: string,
): Promise<LogReadingNow> {
  const statements = [
    'begin isolation level repeatable read read only',
    'select pg_current_snapshot()::text as snapshot',
  ]
  if (relationIds.length > 0) {
    const { maxRows, maxBytes } = bounds
    const of = [`{${relationIds.join()}}`, `${maxRows}`, `${maxBytes}`, `{${withOld.join()}}`].map(literal)
    statements.push(
      `select * from event.changes_between(${literal(from)}, pg_current_snapshot(), ${of.join(', ')})`,
    )
  }
  if (asideSql !== undefined) statements.push(asideSql)
  const results = (await client.query(statements.join('; '))) as unknown as pg.QueryResult[]
  const aside: unknown[] = asideSql === undefined ? [] : (results.pop()?.rows ?? [])
  const to: string = results[1]?.rows[0].snapshot
  let first: (LogRecord | Excess)[] | undefined = results[2]?.rows ?? []
  const reading = await readWithin(relationIds, async (wanted) => {
    const rows = first ?? (await ask(client, from, to, wanted, bounds, withOld))
    first = undefined
    return rows
  })
  return { ...reading, to, aside }
}

const nothing: LogReading = { transactions: [], heavy: [] }

/** Asks, if there is too much, for less: all of what is asked for last has been told, or none of it. */
async function readWithin(
  relationIds: readonly number[],
  ask: (wanted: readonly number[]) => Promise<readonly (LogRecord | Excess)[]>,
): Promise<LogReading> {
  const heavy: number[] = []
  let wanted = relationIds
  while (wanted.length > 0) {
    if (heavy.length === maxQuestions) return { transactions: [], heavy: relationIds }
    const rows = await ask(wanted)
    const [first] = rows
    if (first?.xid !== null) return { transactions: transactionsOf(rows as LogRecord[]), heavy }
    heavy.push(first.relation_id)
    wanted = wanted.filter((id) => id !== first.relation_id)
  }
  return { transactions: [], heavy }
}

async function ask(
  client: pg.ClientBase,
  from: string,
  to: string,
  relationIds: readonly number[],
  { maxRows, maxBytes }: LogBounds,
  withOld: readonly number[],
): Promise<(LogRecord | Excess)[]> {
  const values = [from, to, relationIds, maxRows, maxBytes, withOld]
  const { rows } = await client.query<LogRecord | Excess>({ name: 'rowcast_read_log', text: sql, values })
  return rows
}

function literal(text: string): string {
  return pg.escapeLiteral(text)
}

/** A row of `event.changes_between`. */
export interface LogRecord {
  readonly xid: string
  readonly at: string
  readonly op: LogRow['op']
  readonly relation_id: number
  readonly key: string
  readonly new: string | null
  readonly old: string | null
}

/** It says instead that there is too much, and of what. */
interface Excess {
  readonly xid: null
  readonly relation_id: number
}

/** Puts the changes of each transaction together, which must stand together already. */
export function transactionsOf(records: readonly LogRecord[]): LogTransaction[] {
  const transactions: LogTransaction[] = []
  for (const { xid, at, op, relation_id: relationId, key, new: values, old } of records) {
    let transaction = transactions.at(-1)
    if (transaction?.id !== xid) transactions.push((transaction = { id: xid, at, rows: [] }))
    transaction.rows.push({ op, relationId, key, new: values, ...(old !== null && { old }) })
  }
  return transactions
}
