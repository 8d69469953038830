import { setupMaster } from '@socket.io/sticky'
import { Command } from 'commander'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { pino } from 'pino'
import { collectDefaultMetrics } from 'prom-client'
import sirv from 'sirv'
import { defaultPath } from '../../shared/protocol.ts'
import { saySlow } from '../embedded/say-slow.ts'
import { healthz } from '../healthz.ts'
import { createRowcast, prepareDatabase, type Rowcast } from '../main.ts'
import { authenticateFrom } from './authenticate-from.ts'
import { parsePort } from './dev.ts'
import { loadConfig, type RowcastConfig } from './load-config.ts'
import { serveMetrics } from './metrics-server.ts'
import { stopOnSignal, type StopSignal } from './stop-on-signal.ts'
import { progress } from './with-database.ts'
import { UsageError } from './usage-error.ts'
import { Primary, workerNumber } from './workers/worker.ts'
import { Workers } from './workers/workers.ts'

interface ServeOptions {
  readonly database?: string
  readonly port: string
  readonly host?: string
  readonly static?: string
  readonly config?: string
  readonly drain: string
  readonly metricsPort?: string
  readonly workers: string
}

export function serveCommand(): Command {
  return new Command('serve')
    .summary('run Rowcast in production')
    .description(
      'Serves the live rows of a database: sockets under /rowcast, GET /healthz for the load balancer, and the ' +
        'files of the built page if --static names their folder. Its options, those of createRowcast(), are the ' +
        'default export of rowcast.config.js, .mjs or .ts. `authenticate` must be among them, or the environment must say how ' +
        'to verify JSON Web Tokens: ROWCAST_JWT_SECRET or ROWCAST_JWKS_URL, and optionally ROWCAST_JWT_AUDIENCE, ' +
        'ROWCAST_JWT_ISSUER, ROWCAST_JWT_ROLE_CLAIM, ROWCAST_DEFAULT_ROLE and ROWCAST_ANONYMOUS_ROLE. ' +
        'The database user need not own anything: `rowcast migrate --server-role` grants it what it needs, and `rowcast check` ' +
        'says what is missing. ' +
        'SIGTERM and Ctrl-C end it in good order; on SIGTERM it first sends its clients to the other servers, if --drain ' +
        'is not 0, and /healthz answers 503 from then on. Logs are JSON lines on standard output.',
    )
    .option('-d, --database <url>', 'where the database is (default: DATABASE_URL)')
    .option('-p, --port <number>', 'where to listen', process.env['PORT'] ?? '3000')
    .option('--host <address>', 'listen on this address only (default: on all)')
    .option(
      '-s, --static <folder>',
      "the page's files, as built by `vite build`; unknown paths get index.html",
    )
    .option('-c, --config <file>', 'the config (default: rowcast.config.js, .mjs or .ts in this folder)')
    .option('--drain <seconds>', 'how long clients may take to go elsewhere after SIGTERM', '10')
    .option('--metrics-port <number>', 'answer GET /metrics, for Prometheus, on this port (default: nowhere)')
    .option('--workers <number>', 'serve with so many processes; `auto`: one for each core', '1')
    .addHelpText(
      'after',
      `
Example of a rowcast.config.js:
  import { verifyJwt } from 'rowcast/server'

  export default {
    authenticate: verifyJwt({ jwks: 'https://id.example.org/.well-known/jwks.json', audience: 'app' }),
  }

Examples:
  DATABASE_URL=postgres://user:password@localhost:5432/app rowcast serve --static dist
  rowcast serve --port 8080 --host 127.0.0.1 --config config/rowcast.js`,
    )
    .action(serve)
}

async function serve(options: ServeOptions): Promise<void> {
  const settings = await settle(options)
  if (workerNumber !== undefined) await serveAsWorker(settings)
  else if (settings.workers > 1) await serveByWorkers(settings)
  else await serveAlone(settings)
}

/** What the command line, the config and the environment come to. */
interface Settings {
  readonly config: RowcastConfig
  readonly port: number
  readonly host: string | undefined
  readonly folder: string | undefined
  readonly drainMs: number
  readonly metricsPort: number | undefined
  readonly workers: number
}

async function settle(options: ServeOptions): Promise<Settings> {
  const port = parsePort(options.port)
  const drainMs = parseSeconds(options.drain) * 1000
  const metricsPort = options.metricsPort === undefined ? undefined : parsePort(options.metricsPort)
  const workers = parseWorkers(options.workers)
  const config = (await loadConfig(options.config)) ?? {}
  const authenticate = config.authenticate ?? authenticateFrom(process.env)
  if (!authenticate)
    throw new UsageError(
      'Without `authenticate` everybody could read everything, so `rowcast serve` does not start. ' +
        'Set ROWCAST_JWT_SECRET or ROWCAST_JWKS_URL, or write a rowcast.config.js whose default export has it; ' +
        '`rowcast serve --help` shows one.',
    )
  const database = options.database ?? config.database ?? process.env['DATABASE_URL']
  if (!database)
    throw new UsageError(
      'No database: set DATABASE_URL or give --database, e.g. postgres://user:password@localhost:5432/app',
    )
  const { host, static: folder } = options
  return { config: { ...config, authenticate, database }, port, host, folder, drainMs, metricsPort, workers }
}

async function serveAlone({ config, port, host, folder, drainMs, metricsPort }: Settings): Promise<void> {
  const httpServer = createServer()
  const rowcast: Rowcast = await startServer(config, httpServer, folder, () => rowcast.health())
  const metricsServer = await openMetrics(() => rowcast.metrics.metrics(), metricsPort, host)
  if (metricsServer) collectDefaultMetrics({ register: rowcast.metrics })
  stopOnSignal(async (signal) => {
    await sendAway(rowcast, signal, drainMs)
    metricsServer?.close()
    const closed = once(httpServer, 'close')
    httpServer.close()
    await rowcast.close()
    metricsServer?.closeAllConnections()
    httpServer.closeAllConnections() // those that are kept alive, and whoever has not hung up
    await closed
  }, drainMs)
  await listen(httpServer, port, host)
}

/** Connections and signals come from the primary process. */
async function serveAsWorker({ config, folder, drainMs, metricsPort }: Settings): Promise<void> {
  const httpServer = createServer()
  const logger = (config.logger ?? pino({ name: 'rowcast' })).child({ worker: Number(workerNumber) })
  const { setup: _done, ...rest } = config
  const rowcast = await startServer({ ...rest, logger }, httpServer, folder, () => primary.health())
  if (metricsPort !== undefined) collectDefaultMetrics({ register: rowcast.metrics })
  stopOnSignal(async (signal) => {
    await sendAway(rowcast, signal, drainMs)
    await rowcast.close()
  }, drainMs)
  const primary = new Primary(rowcast, httpServer)
}

/** This process listens, and hands connections on to the workers, which are whole servers. */
async function serveByWorkers(settings: Settings): Promise<void> {
  const { config, port, host, drainMs, metricsPort } = settings
  const logger = config.logger ?? pino({ name: 'rowcast' })
  await saySlow(progress, 'preparing the database', () => prepareDatabase({ ...config, logger }))
  const httpServer = createServer()
  setupMaster(httpServer, { loadBalancingMethod: 'round-robin' }) // who has the fewest is known too late when many come at once
  const workers = new Workers(settings.workers, logger)
  const metricsServer = await openMetrics(() => workers.metrics(), metricsPort, host)
  stopOnSignal(async (signal) => {
    await workers.stop(signal)
    metricsServer?.close()
    httpServer.close()
  }, drainMs + workersStopMs)
  await workers.start()
  progress(`${settings.workers} workers are ready`)
  await listen(httpServer, port, host)
}

/** What workers may need beyond what they give their clients. */
const workersStopMs = 5_000

function startServer(
  config: RowcastConfig,
  httpServer: Server,
  folder: string | undefined,
  health: Parameters<typeof healthz>[0],
): Promise<Rowcast> {
  endOtherUpgrades(httpServer, config.path ?? defaultPath)
  return saySlow(progress, 'preparing the database', () =>
    createRowcast({ ...config, httpServer: answer(httpServer, folder, health) }),
  )
}

async function openMetrics(
  read: () => Promise<string>,
  port: number | undefined,
  host: string | undefined,
): Promise<Server | undefined> {
  if (port === undefined) return undefined
  const server = await serveMetrics(read, port, host)
  progress(`metrics on ${addressOf(server)}metrics`)
  return server
}

async function sendAway(rowcast: Rowcast, signal: StopSignal, drainMs: number): Promise<void> {
  if (signal === 'SIGTERM' && drainMs > 0) await rowcast.drain(drainMs)
}

async function listen(httpServer: Server, port: number, host: string | undefined): Promise<void> {
  httpServer.listen(port, host)
  await once(httpServer, 'listening') // rejects when the port is taken
  progress(`listening on ${addressOf(httpServer)}`)
}

/** What is neither a socket's nor the health check's is a file of the page, if one is served. */
function answer(
  httpServer: Server,
  folder: string | undefined,
  health: Parameters<typeof healthz>[0],
): Server {
  const files = folder === undefined ? undefined : sirv(folder, { single: true, etag: true })
  const answerHealth = healthz(health)
  return httpServer.on('request', (request, response) => {
    const notFound = () => void response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n')
    answerHealth(request, response, () => (files ? files(request, response, notFound) : notFound()))
  })
}

/** Socket.IO leaves those alone that are not its own, and nobody else is here to end them. */
function endOtherUpgrades(httpServer: Server, path: string): void {
  httpServer.on('upgrade', ({ url }, socket) => {
    if (!url?.startsWith(path)) socket.destroy()
  })
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (text !== '' && seconds >= 0 && seconds <= 3600) return seconds
  throw new UsageError(`--drain ${text}: a number of seconds, from 0 to 3600`)
}

function parseWorkers(text: string): number {
  if (text === 'auto') return availableParallelism()
  const workers = Number(text)
  if (Number.isInteger(workers) && workers >= 1 && workers <= mostWorkers) return workers
  throw new UsageError(`--workers ${text}: a number of processes, from 1 to ${mostWorkers}, or auto`)
}

/** Each has connections to the database of its own. */
const mostWorkers = 256

function addressOf(httpServer: Server): string {
  const { address, family, port } = httpServer.address() as AddressInfo
  const host = address === '::' || address === '0.0.0.0' ? 'localhost' : address
  return `http://${family === 'IPv6' && host === address ? `[${host}]` : host}:${port}/`
}
