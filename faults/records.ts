import { appendFileSync, closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GapReason } from '../client/core/change-record.ts'
import type { ConnectionState } from '../client/core/connection.ts'
import type { KeyText, Row, Value } from '../shared/change.ts'
import type { ErrorCode } from '../shared/errors.ts'
import type { Position } from '../shared/position.ts'
import type { AttachRequest, ResetReason } from '../shared/protocol.ts'
import type { Subscription } from '../shared/subscription.ts'

/**
 * What was seen in a run, and all that the checker gets. Each process writes one file, a line of JSON for
 * each record, in the order in which things happened there. Nothing here is what the product says of itself
 * only: what clients were given, applied and rendered is on one side, what writers did on the other.
 */
export type FaultRecord = {
  /** Milliseconds since 1970, by the clock of the process. */ readonly at: number
} & (
  | Run
  | Fault
  | Wrote
  | Selected
  | Begun
  | Asked
  | Answered
  | Given
  | Subscribed
  | Unsubscribed
  | Applied
  | Recorded
  | Rendered
  | Connected
  | Reported
  | Ended
)

// ---- the world: written by the process that runs the schedule and the writers ----

/** The first record: what the tables hold before anybody writes. */
export interface Run {
  readonly kind: 'run'
  readonly seed: number
  readonly tables: readonly WorldTable[]
}

export interface WorldTable {
  /** `schema.name` */
  readonly relation: string
  readonly key: readonly string[]
  readonly rows: readonly Row[]
  /** The sum of this column is the same at every position: transactions only move it about. */
  readonly constantSum?: string
  /** This column has one value in all rows at every position: transactions change all rows at once. */
  readonly equal?: string
}

/** What the schedule did to the system, when it did it; a fault that lasts has a second record when it ends. */
export interface Fault {
  readonly kind: 'fault'
  readonly fault: string
  /** Which process or link, if it is one of several. */
  readonly target?: string
  readonly phase?: 'begin' | 'end'
  /** From now on resets for these reasons are to be expected, and refusals and errors with these codes. */
  readonly leadsTo?: readonly (ResetReason | ErrorCode)[]
}

/**
 * A transaction of a writer whose outcome is known: a commit of which no answer came is settled by looking for
 * what it did. The order of these records says nothing: positions do.
 */
export interface Wrote {
  readonly kind: 'wrote'
  readonly writer: string
  /** `xid8` as text. */
  readonly xid: string
  readonly isCommitted: boolean
  readonly writes: readonly Write[]
}

/**
 * What a transaction did to a row, such that its place among others does not matter: whatever has committed
 * up to a position says what the rows are. So a key is put at most once, removed at most once, and later; and a
 * transaction does at most one thing to each row.
 */
export type Write =
  /** Adds to a number; without a key, in every row that the table began with. */
  | {
      readonly do: 'add'
      readonly relation: string
      readonly key?: KeyText
      readonly column: string
      readonly amount: number
    }
  | { readonly do: 'put'; readonly relation: string; readonly key: KeyText; readonly row: Row }
  | { readonly do: 'remove'; readonly relation: string; readonly key: KeyText }

/** What `select` returns of a whole table when everything has come to rest. */
export interface Selected {
  readonly kind: 'selected'
  readonly relation: string
  readonly rows: readonly Row[]
}

// ---- clients: `client` is a name of the run's own; each page load of it begins with `begun` ----

/** A page is loaded: nothing is held. All records of one client are in one file. */
export interface Begun {
  readonly kind: 'begun'
  readonly client: string
  /** It was given the session of the page before. */
  readonly isResumed: boolean
}

/** The client sent a request. `connection` counts the client's sockets, so that resumes can be told apart. */
export type Asked = {
  readonly kind: 'asked'
  readonly client: string
  readonly connection: number
} & (
  | ({ readonly request: 'attach' } & Pick<AttachRequest, 'position' | 'subscriptions' | 'restore'>)
  | { readonly request: 'subscribe'; readonly subscription: Subscription }
  | { readonly request: 'unsubscribe'; readonly id: string }
  | { readonly request: 'ack'; readonly position: Position }
)

/** The server's answer to `attach` or `subscribe`: what each is called there, or null for what it refused. */
export interface Answered {
  readonly kind: 'answered'
  readonly client: string
  readonly connection: number
  readonly request: 'attach' | 'subscribe'
  /** The whole request was refused. */
  readonly code?: string
  readonly isResumed?: boolean
  readonly subscriptions: readonly { readonly subscription: Subscription; readonly id: string | null }[]
}

/**
 * A message arrived at the client, whatever it makes of it: recorded before it is handed on, and also each that
 * the harness has arrive twice.
 */
export type Given = {
  readonly kind: 'given'
  readonly client: string
  readonly connection: number
} & (
  | {
      readonly message: 'batch'
      readonly to: Position
      readonly part?: number
      /** The ids of its transactions, and how many changes they hold together. */
      readonly transactions: readonly string[]
      readonly changes: number
    }
  | {
      readonly message: 'snapshot'
      readonly to: Position
      readonly subscription: string
      readonly rows: number
      readonly done: boolean
    }
  | { readonly message: 'progress'; readonly to: Position }
  | { readonly message: 'reset'; readonly reason: ResetReason }
  | { readonly message: 'ended'; readonly subscription: string; readonly code: string }
  | { readonly message: 'catch_up' | 'leave' }
)

/** The page begins to follow something under a name of its own, and maybe to take its changes, too. */
export interface Subscribed {
  readonly kind: 'subscribed'
  readonly client: string
  readonly name: string
  readonly subscription: Subscription
  readonly isRecorded: boolean
}

export interface Unsubscribed {
  readonly kind: 'unsubscribed'
  readonly client: string
  readonly name: string
}

/**
 * The client's store made a commit. `held` tells what it holds from now on of each subscription that is ready,
 * or only of those that show something else than before; the others still show what they showed.
 */
export interface Applied {
  readonly kind: 'applied'
  readonly client: string
  readonly position: Position
  readonly held: Readonly<Record<string, Statement>>
}

/** Changes handed to a recorder (`client.changes`), after the commit that brought them. */
export interface Recorded {
  readonly kind: 'recorded'
  readonly client: string
  readonly name: string
  readonly changes: readonly {
    readonly transaction: string
    readonly op: 'row_insert' | 'row_delete' | 'field_update'
    readonly key: KeyText
  }[]
  /** Among them the recorder was told that here changes are missing. */
  readonly gap?: GapReason
}

/** React committed: what the page shows, all of it at once, and the position that the store had. */
export interface Rendered {
  readonly kind: 'rendered'
  readonly client: string
  readonly position: Position
  readonly shown: Readonly<Record<string, Statement>>
}

export interface Connected {
  readonly kind: 'connection'
  readonly client: string
  readonly status: ConnectionState['status']
  readonly error?: string
}

/** The client reported an error to `onError`. */
export interface Reported {
  readonly kind: 'reported'
  readonly client: string
  readonly code: string
  readonly message: string
}

/** What the client holds when everything has come to rest: of each subscription all that it shows. */
export interface Ended {
  readonly kind: 'ended'
  readonly client: string
  readonly position: Position
  readonly held: Readonly<Record<string, unknown>>
}

// ---- compact statements ----

/** Says what a subscription shows without saying all of it: enough to find any difference, and to tell of some. */
export interface Statement {
  readonly rows: number
  readonly hash: string
  /** Of each column of numbers. */
  readonly sums: Readonly<Record<string, number>>
}

/**
 * States what a subscription shows, as `getSnapshot().data` has it. The order counts only where it was asked for.
 * Rows are not altered in place, so each is read once: stating costs what has changed, nearly.
 */
export function statementOf(subscription: Subscription, data: unknown): Statement {
  const rows = rowsOf(subscription, data)
  const sums: Record<string, number> = {}
  let total = 0
  const hashes: number[] = []
  const isInOrder = hasOrder(subscription)
  for (const row of rows) {
    const hash = hashOfRow(row)
    if (isInOrder) hashes.push(hash)
    else total = (total + hash) % 2 ** 52
    for (const column of Object.keys(row)) {
      const value = row[column]
      if (typeof value === 'number') sums[column] = (sums[column] ?? 0) + value
    }
  }
  const hash = isInOrder ? hashOf(hashes.join()) : total
  return { rows: rows.length, hash: hash.toString(36), sums }
}

export function hasOrder(subscription: Subscription): boolean {
  return (
    subscription.kind === 'table' && (subscription.orderBy !== undefined || subscription.limit !== undefined)
  )
}

/** What is shown, as rows: of a column each entry, of a row or a field one or none. */
export function rowsOf(subscription: Subscription, data: unknown): readonly Row[] {
  switch (subscription.kind) {
    case 'table':
    case 'column': // entries have a key and a value
      return data as readonly Row[]
    case 'row':
      return data === null ? [] : [data as Row]
    case 'field':
      return data === undefined || data === null ? [] : [{ value: data as Value }]
  }
}

const hashes = new WeakMap<Row, number>()

function hashOfRow(row: Row): number {
  let hash = hashes.get(row)
  if (hash === undefined) hashes.set(row, (hash = hashOf(textOfRow(row))))
  return hash
}

/** Equal for equal rows, whatever the order of their columns. */
export function textOfRow(row: Row): string {
  return JSON.stringify(
    Object.keys(row)
      .sort()
      .map((column) => [column, row[column]]),
  )
}

/** 52 bits of cyrb53: quick, and good enough for what has no enemy. */
function hashOf(text: string): number {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (b >>> 12) * 2 ** 32 + (a >>> 0)
}

// ---- files ----

export interface RecordWriter {
  write(record: FaultRecord): void
  close(): void
}

/** Appends to a file. What was written is kept however the process ends, up to a moment before. */
export function openRecords(path: string): RecordWriter {
  const file = openSync(path, 'a')
  let lines: string[] = []
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (lines.length > 0) appendFileSync(file, lines.join(''))
    lines = []
  }
  return {
    write(record) {
      lines.push(`${JSON.stringify(record)}\n`)
      timer ??= setTimeout(flush, 100)
    },
    close() {
      flush()
      closeSync(file)
    },
  }
}

/** The records of a run: each file of a folder, in its order. A line that was cut short ends its file. */
export function readRecords(folder: string): FaultRecord[][] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) =>
      readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .filter((line, i, lines) => i < lines.length - 1 && line !== '')
        .map((line) => JSON.parse(line) as FaultRecord),
    )
}
