import type { io } from 'socket.io-client'
import { createStore, type StoreApi } from 'zustand/vanilla'
import type { KeyText, RelationName as AnyRelationName, Row } from '../../shared/change.ts'
import type { RowcastError } from '../../shared/errors.ts'
import { defaultPath, type Position } from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { Acknowledger } from './acknowledger.ts'
import { Connection, type Auth, type ConnectionState } from './connection.ts'
import {
  checked,
  columnSubscription,
  fieldSubscription,
  rowSubscription,
  tableSubscription,
  textOf,
} from './definition.ts'
import { follow, type Followed, type FollowedParts } from './followed.ts'
import { followChanges } from './followed-changes.ts'
import type { ChangeRecord } from './change-record.ts'
import { Replica } from './replica.ts'
import { defaultSession, pageSession, type SessionStore } from './session-store.ts'
import { Subscriptions } from './subscriptions.ts'
import { Sync } from './sync.ts'
import type {
  ChangesOptions,
  ColumnEntry,
  ColumnOf,
  Key,
  RelationName,
  RowOf,
  TableOptions,
  ValueOf,
} from './tables.ts'

export interface ClientOptions {
  /** The server's origin, e.g. `https://api.example.org`. Default: the page's own. */
  readonly url?: string
  /** Where the server listens. Default: `/rowcast`. */
  readonly path?: string
  /**
   * What the server's `authenticate` gets, or a function that is asked for it before each connection, and anew before
   * it expires.
   */
  readonly auth?: Auth
  /** How long a subscription is kept after the last component that used it has gone. Default: 5 s. */
  readonly graceMs?: number
  /**
   * Where the session is kept. Default: with the tab, so that a reload resumes it; `page` forgets it
   * with the page; or a store of your own.
   */
  readonly session?: 'tab' | 'page' | SessionStore
  /**
   * Whether what the session follows besides, from before a reload or on another device, is followed from the start.
   * A component that uses it then takes it over. Default: false.
   */
  readonly restore?: boolean
  /** In order of preference. Polling needs sticky sessions when there are several servers. */
  readonly transports?: readonly ('websocket' | 'polling')[]
  /** The first wait before connecting again; it doubles up to `maxRetryDelayMs`, with jitter. Default: 0.5 s and 5 s. */
  readonly retryDelayMs?: number
  readonly maxRetryDelayMs?: number
  /** How often the server is told what has arrived. Default: 5 s. */
  readonly acknowledgeMs?: number
  /** Makes the sockets. Default: Socket.IO's `io`; one of your own sees what passes. */
  readonly io?: typeof io
  /** Gets what went wrong and was mended, or is being tried again. Default: `console.warn`. */
  readonly onError?: (error: RowcastError) => void
}

/** What the client knows, at one position. A commit sets it once. */
export interface StoreState {
  /** The place in the history that everything here stands at; undefined before the first answer. */
  readonly position: Position | undefined
  readonly connection: ConnectionState
  /**
   * The rows that somebody follows, by `schema.name` and by key (`[3]`). A map that is another object
   * holds something else; they are not copies, so an older one shows what is there now.
   */
  readonly relations: ReadonlyMap<AnyRelationName, ReadonlyMap<KeyText, Row>>
}

/**
 * Follows what a server shows it. It connects with the first subscription; all that is followed stands
 * at one position, and a transaction becomes visible whole.
 */
export interface Client {
  /** Everything that is held, for zustand's selectors. */
  readonly store: Pick<StoreApi<StoreState>, 'getState' | 'getInitialState' | 'subscribe'>
  /** The rows of a table, or those that a filter, an order and a limit make of it. */
  table<R extends RelationName>(relation: R, options?: TableOptions<R>): Followed<readonly RowOf<R>[]>
  /** One row, or null while there is no such row. */
  row<R extends RelationName>(relation: R, key: Key): Followed<RowOf<R> | null>
  /** One column of one row; undefined while there is no such row. */
  field<R extends RelationName, C extends ColumnOf<R>>(
    relation: R,
    key: Key,
    column: C,
  ): Followed<ValueOf<R, C> | undefined>
  /** One column of every row. */
  column<R extends RelationName, C extends ColumnOf<R>>(
    relation: R,
    column: C,
  ): Followed<readonly ColumnEntry<ValueOf<R, C>>[]>
  /**
   * The last changes of a table's rows, as they came. When followed as the client connects, those that its
   * session had not acknowledged come first; where changes are missing, a `gap` is among them.
   */
  changes<R extends RelationName>(
    relation: R,
    options?: ChangesOptions<R>,
  ): Followed<readonly ChangeRecord<RowOf<R>>[]>
  /**
   * Whatever a subscription says; the methods above write it with types.
   *
   * @throws {RowcastError} `invalid_filter` or `invalid_key`, as they do, when it says what cannot be meant
   */
  follow<T = unknown>(subscription: Subscription): Followed<T>
  /** Everything that is followed now, also what nobody uses yet or any more. */
  subscriptions(): readonly Subscription[]
  /** Connects now, and not only with the first subscription. */
  connect(): void
  /**
   * Asks `auth` anew and tells the server, e.g. since the user may see more now; without a connection, tries at once to get
   * one. It must be the same user: for another, close this client and make one.
   *
   * @throws {RowcastError} why the server does not accept it; what it has accepted before stays good
   */
  renewAuth(): Promise<void>
  /** Disconnects, until `connect`, which goes on from there. What is held stays. */
  close(): void
}

/**
 * Makes a client. One is enough for a page.
 *
 * @example
 * const client = createClient({ auth: () => ({ token: localStorage.getItem('token') }) })
 * const stop = client.table('person', { where: { team: 'red' } }).subscribe(() => …)
 */
export function createClient(options: ClientOptions = {}): Client {
  const report = options.onError ?? ((error: RowcastError) => console.warn(error))
  const replica = new Replica()
  const store = createStore<StoreState>(() => ({
    position: undefined,
    connection: { status: 'connecting' },
    relations: new Map(),
  }))

  const sync: Sync = new Sync({
    replica,
    interests: () => subscriptions,
    report,
    onLive: () => connection.live(),
    onCatchUp: () => connection.catchUp(),
    onUnfit: (error) => connection.leave(error),
    restore: options.restore ?? false,
    publish: ({ relations }, position) => {
      const known = store.getState()
      if (known.relations === relations && known.position === position) return
      store.setState({ relations, position })
      acknowledger.moved()
    },
  })
  const subscriptions = new Subscriptions(options.graceMs ?? 5_000, sync)
  const acknowledger = new Acknowledger(options.acknowledgeMs ?? 5_000, () => sync.acknowledge())
  const connection = new Connection({
    url: options.url,
    path: options.path ?? defaultPath,
    auth: options.auth,
    transports: options.transports ?? ['websocket', 'polling'],
    retryDelayMs: options.retryDelayMs ?? 500,
    maxRetryDelayMs: options.maxRetryDelayMs ?? 5_000,
    session: sessionStore(options),
    io: options.io,
    sync,
    onState: (state) => store.setState({ connection: state }),
    report,
  })
  let isClosed = false
  const connect = (): void => {
    isClosed = false
    connection.connect()
    acknowledger.start()
  }
  const parts = (subscription: Subscription): FollowedParts => ({
    subscription,
    text: textOf(subscription),
    subscriptions,
    // a component that is still mounted must not undo `close`
    connect: () => isClosed || connect(),
  })
  const followed = <T>(subscription: Subscription): Followed<T> => follow<T>(parts(subscription))

  return {
    store,
    table: (relation, tableOptions) => followed(tableSubscription(relation, tableOptions)),
    row: (relation, key) => followed(rowSubscription(relation, key)),
    field: (relation, key, column) => followed(fieldSubscription(relation, key, column)),
    column: (relation, column) => followed(columnSubscription(relation, column)),
    changes: <R extends RelationName>(relation: R, { where, last = 100 }: ChangesOptions<R> = {}) =>
      followChanges<RowOf<R>>(parts(tableSubscription(relation, { where })), last),
    follow: (subscription) => followed(checked(subscription)),
    subscriptions: () => Array.from(subscriptions, ({ subscription }) => subscription),
    connect,
    renewAuth: () => connection.renewAuth(),
    close() {
      isClosed = true
      acknowledger.stop()
      connection.close()
    },
  }
}

function sessionStore({ session = 'tab', url, path = defaultPath }: ClientOptions): SessionStore {
  if (session === 'page') return pageSession()
  return session === 'tab' ? defaultSession(`rowcast:${url ?? ''}${path}`) : session
}
