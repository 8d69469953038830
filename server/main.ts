import type { Server as HttpServer } from 'node:http'
import type pg from 'pg'
import { pino, type Logger } from 'pino'
import type { Registry } from 'prom-client'
import { Server } from 'socket.io'
import { defaultPath } from '../shared/protocol.ts'
import { ensureInstalled } from './db/installation.ts'
import { EventLoopDelay } from './event-loop-delay.ts'
import { createPools, snapshotConnections, type Pools } from './db/pools.ts'
import type { Database } from './db/pool.ts'
import { AccessWatch } from './gateway/access-watch.ts'
import { Broadcast } from './gateway/broadcast.ts'
import type { GatewayServer } from './gateway/connection.ts'
import { encodedJsonParser } from './gateway/encoded-json.ts'
import { Farewell } from './gateway/farewell.ts'
import { isAllowedOrigin } from './gateway/origin.ts'
import { Following } from './gateway/following.ts'
import type { Authenticate } from './gateway/authenticate.ts'
import { Gateway } from './gateway/gateway.ts'
import { PolicyWatch } from './gateway/policy-watch.ts'
import { guardIntake } from './gateway/intake.ts'
import { resolveLimits, type Limits } from './gateway/limits.ts'
import { settleUnreadable } from './gateway/settle-unreadable.ts'
import { SnapshotReaders } from './gateway/snapshot-readers.ts'
import { Welcome } from './gateway/welcome.ts'
import { LogReader } from './log/log-reader.ts'
import { LogUpkeep } from './log/log-upkeep.ts'
import type { LogBounds } from './log/read-log.ts'
import { Metrics } from './metrics.ts'
import { Definitions } from './routing/definitions.ts'
import { SessionEndings } from './session/session-endings.ts'
import { SessionStore, type SessionOptions } from './session/session-store.ts'
import { SessionUpkeep } from './session/session-upkeep.ts'
import { Sessions } from './session/sessions.ts'
import { waitableMs } from './waitable-ms.ts'
import { watchAll } from './watch-all.ts'

export interface RowcastOptions {
  /** A connection string or node-postgres's options. Default: the environment variable `DATABASE_URL`. */
  readonly database?: Database
  /** Any Node HTTP server; Rowcast answers under `path` and leaves the rest alone. */
  readonly httpServer: HttpServer
  /**
   * Who a client is: throws if it may not connect. What it returns is what PostgreSQL's grants and policies see. `verifyJwt`
   * makes one for JSON Web Tokens.
   */
  readonly authenticate: Authenticate
  /** Where the sockets are. Default: `/rowcast`. */
  readonly path?: string
  /** Default: JSON lines on standard output, from level `info` up. */
  readonly logger?: Logger
  /**
   * Runs after Rowcast's own migrations and before the first client: the app's schema, and what it tracks. As the
   * database user of the server, which has no rights for that where it is a role of its own.
   */
  readonly setup?: (client: pg.ClientBase) => Promise<void>
  /** Origins, other than the page's own, whose pages may connect. Default: none. */
  readonly allowedOrigins?: readonly string[]
  /** How long sessions last, and how many an identity may have. */
  readonly sessions?: SessionOptions
  /**
   * What may wait for one client that takes off too little of what it is sent, in characters. A client with more
   * than that is given nothing until it has taken that off, and then what it has missed. Default: 1 million.
   */
  readonly maxBufferedBytes?: number
  /** What one client, one session and one user may ask for. docs/security.md has all limits in a table. */
  readonly limits?: Partial<Limits>
  /**
   * How much of the change log is read in one go, and lies in memory for it. Who follows a table of which more has
   * changed is given that in pieces, by and by, and shows it at once. Default: 10,000 rows and 16 million bytes.
   */
  readonly readAtOnce?: LogBounds
}

const defaultMaxBufferedBytes = 1_000_000
const defaultDrainMs = 10_000

export interface Health {
  /** `draining`: it is about to end, and clients are to be sent elsewhere. */
  readonly status: 'ok' | 'draining' | 'unavailable'
  /** Whether the change log is being read. */
  readonly isReading: boolean
  readonly connections: number
  readonly sessions: number
}

/** A running Rowcast server. */
export interface Rowcast {
  readonly database: Database
  /** For the app's own queries. */
  readonly pool: pg.Pool
  /** Lists sessions and ends them, of whatever server. */
  readonly sessions: Sessions
  /** What the server counts of itself, for Prometheus: `await metrics.metrics()` is the text. */
  readonly metrics: Registry
  /** Engine.IO's server, for what spreads connections over processes, as @socket.io/sticky does. */
  readonly engine: GatewayServer['engine']
  health(): Health
  /**
   * Sends the clients to other servers, each at a moment of its own within the time (default: 10 s), and lets nobody
   * else in; `health` says `draining` from then on. Resolves when all have gone or the time is over: then `close`.
   */
  drain(withinMs?: number): Promise<void>
  /** Tells the clients, which try again elsewhere, and ends all connections. The HTTP server is the caller's. */
  close(): Promise<void>
}

/**
 * Brings a database up to date and serves its rows, live, on an HTTP server.
 *
 * @throws if there is no `authenticate`, or no database, or it cannot be reached, or Rowcast's schemas in it are out of date
 *   and not the user's to change
 *
 * @example
 * const rowcast = await createRowcast({
 *   httpServer,
 *   authenticate: async ({ auth }) => ({ role: 'app_user', claims: await verify(auth.token) }),
 * })
 */
export async function createRowcast(options: RowcastOptions): Promise<Rowcast> {
  // In plain JavaScript it may well be missing.
  if (typeof (options.authenticate as unknown) !== 'function')
    throw new Error(
      'no `authenticate`: without it everybody could read everything. Give createRowcast() a function that says who a ' +
        'client is, e.g. `authenticate: verifyJwt({ secret })` with verifyJwt from rowcast/server',
    )
  const database = databaseOf(options)
  const logger = options.logger ?? pino({ name: 'rowcast' })
  const pools = createPools(database, sayBroken(logger))
  try {
    await prepare(pools, options.setup, logger)
    return await serve({ ...options, database }, pools, logger)
  } catch (error) {
    await pools.close()
    throw error
  }
}

/** Brings a database up to date, as `createRowcast` does, for servers that are about to start. */
export async function prepareDatabase(
  options: Pick<RowcastOptions, 'database' | 'setup'> & { readonly logger: Logger },
): Promise<void> {
  const pools = createPools(databaseOf(options), sayBroken(options.logger))
  try {
    await prepare(pools, options.setup, options.logger)
  } finally {
    await pools.close()
  }
}

function databaseOf(options: Pick<RowcastOptions, 'database'>): Database {
  const database = options.database ?? process.env['DATABASE_URL']
  if (database === undefined || database === '')
    throw new Error(
      'no database: give `database`, or set DATABASE_URL, e.g. postgres://user:password@localhost:5432/app',
    )
  return database
}

function sayBroken(logger: Logger): (error: Error) => void {
  return (error) => logger.warn({ err: error }, 'an idle database connection broke')
}

async function prepare(pools: Pools, setup: RowcastOptions['setup'], logger: Logger): Promise<void> {
  const client = await pools.app.connect()
  try {
    const { state, release } = await ensureInstalled(client)
    if (state === 'newer')
      logger.warn({ release }, 'a later release of Rowcast has brought its schemas up to date')
    await setup?.(client)
  } finally {
    client.release()
  }
}

async function serve(
  options: RowcastOptions & { database: Database },
  pools: Pools,
  logger: Logger,
): Promise<Rowcast> {
  const { allowedOrigins = [] } = options
  const limits = resolveLimits(options.limits)
  const metrics = new Metrics()
  let closing: Promise<void> | undefined
  const io: GatewayServer = new Server({
    path: options.path ?? defaultPath,
    parser: encodedJsonParser(() => metrics.connectionEnded('invalid_packet')),
    destroyUpgrade: false, // other upgrades on this HTTP server are not ours to end
    serveClient: false,
    // A network that has gone silent is noticed by both sides within 30 s; a slow one has 20 s for what is on its way.
    pingInterval: 10_000,
    pingTimeout: 20_000,
    maxHttpBufferSize: limits.messageBytes,
    connectTimeout: waitableMs(limits.attachWithinMs),
    cors: { origin: [...allowedOrigins], credentials: true },
    allowRequest: (request, decide) => {
      const isEnding = closing !== undefined || farewell.isBegun
      if (!isEnding && isAllowedOrigin(request, allowedOrigins)) return decide(null, true)
      metrics.connectionRefused(isEnding ? 'closing' : 'origin')
      decide(isEnding ? 'closing' : 'pages of this origin may not connect (allowedOrigins)', false)
    },
  })
  const farewell = new Farewell(io)
  const sessions = new SessionStore(pools.encoding, options.sessions)
  const definitions = new Definitions(pools.encoding)
  const logUpkeep = new LogUpkeep({ pool: pools.encoding, logger })
  const following = new Following((code) => metrics.subscriptionEnded(code))
  const welcome = new Welcome({
    following,
    limits,
    readers: new SnapshotReaders(pools.snapshots, snapshotConnections),
    logger,
    metrics,
    wake: () => reader.wake(),
    hasChanged: (relationId) => access.checkNow(relationId),
    redefine: (refused) => access.redefine(refused),
    allowanceOf: (connection) => gateway.allowanceOf(connection),
  })
  const wake = () => reader.wake()
  const access = new AccessWatch({
    following,
    welcome,
    sessions,
    definitions,
    pool: pools.encoding,
    logger,
    refreshCapture: () => logUpkeep.refreshCapture(),
    wake,
  })
  const policies = new PolicyWatch({ following, logger, wake })
  const broadcast = new Broadcast({
    io,
    following,
    fallBehind: (connection, from) => welcome.fallBehind(connection, from),
    expire: () => gateway.expire(),
    verify: ({ client, aside }, relationIds) => access.verify(client, relationIds, aside),
    settle: (unreadable) => settleUnreadable(unreadable, { access, following, pool: pools.encoding, logger }),
    wake,
    metrics,
  })
  const reader = new LogReader({
    database: options.database,
    logger,
    relationIds: () => following.routes.relationIds,
    decisiveIds: () => following.routes.decisiveIds,
    asideSql: () => access.lookAhead(),
    isAwaited: () => welcome.isAwaited,
    ...(options.readAtOnce && { bounds: options.readAtOnce }),
    deliver: async (pass) => {
      await broadcast.deliver(pass)
      metrics.handedOn(pass)
    },
    welcome: (pass) => welcome.begin(pass),
    onEpoch: () => gateway.restartAll(),
    onAway: () => broadcast.pause(),
    onFailure: () => metrics.passFailed(),
    onGap: () => gateway.restartAll(),
  })
  const gateway = new Gateway({
    io,
    definitions,
    sessions,
    following,
    welcome,
    access,
    authenticate: options.authenticate,
    logger,
    metrics,
    limits,
    maxBufferedBytes: options.maxBufferedBytes ?? defaultMaxBufferedBytes,
    epoch: () => reader.epoch,
  })
  const onEnd = (session: string) => gateway.endSession(session)
  const upkeep = new SessionUpkeep({ sessions, logger, onEnd })
  const endings = new SessionEndings({
    database: options.database,
    logger,
    onEnd,
    onListening: () => void upkeep.run(),
  })
  const eventLoop = new EventLoopDelay()
  watchAll(metrics, { following, reader, logUpkeep, pools, eventLoop })
  await reader.start()
  eventLoop.start()
  upkeep.start()
  logUpkeep.start()
  access.start()
  policies.start()
  endings.start()
  io.attach(options.httpServer)
  guardIntake(io, { limits, metrics, logger, usageOf: (connection) => gateway.usageOf(connection) })
  logger.info('reading the change log')

  const close = async () => {
    io.disconnectSockets(true)
    io.engine.close()
    policies.close()
    await access.close()
    await reader.close()
    await welcome.settle()
    await Promise.all([endings.close(), upkeep.close(), logUpkeep.close()])
    await sessions
      .leave()
      .catch((error: unknown) => logger.warn({ err: error }, 'could not say that the server ends'))
    await pools.close()
    eventLoop.stop()
    logger.info('closed')
  }
  return {
    database: options.database,
    pool: pools.app,
    sessions: new Sessions(pools.encoding),
    metrics: metrics.registry,
    engine: io.engine,
    health: () => ({
      status: closing || farewell.isBegun ? 'draining' : reader.isConnected ? 'ok' : 'unavailable',
      isReading: reader.isConnected,
      connections: gateway.connectionCount,
      sessions: gateway.sessionCount,
    }),
    drain: (withinMs = defaultDrainMs) => farewell.bid(withinMs),
    close: () => (closing ??= close()),
  }
}
