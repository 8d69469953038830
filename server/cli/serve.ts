import { Command } from 'commander'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import sirv from 'sirv'
import { defaultPath } from '../../shared/protocol.ts'
import { saySlow } from '../embedded/say-slow.ts'
import { healthz } from '../healthz.ts'
import { createRowcast, type Rowcast } from '../main.ts'
import { authenticateFrom } from './authenticate-from.ts'
import { parsePort } from './dev.ts'
import { loadConfig } from './load-config.ts'
import { serveMetrics } from './metrics-server.ts'
import { stopOnSignal } from './stop-on-signal.ts'
import { progress } from './with-database.ts'
import { UsageError } from './usage-error.ts'

interface ServeOptions {
  readonly database?: string
  readonly port: string
  readonly host?: string
  readonly static?: string
  readonly config?: string
  readonly drain: string
  readonly metricsPort?: string
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
  const port = parsePort(options.port)
  const drainMs = parseSeconds(options.drain) * 1000
  const metricsPort = options.metricsPort === undefined ? undefined : parsePort(options.metricsPort)
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
  const httpServer = createServer()
  endOtherUpgrades(httpServer, config.path ?? defaultPath)
  const rowcast: Rowcast = await saySlow(progress, 'preparing the database', () =>
    createRowcast({
      ...config,
      authenticate,
      database,
      httpServer: answer(httpServer, options.static, () => rowcast.health()),
    }),
  )
  const metricsServer =
    metricsPort === undefined ? undefined : await serveMetrics(rowcast.metrics, metricsPort, options.host)
  if (metricsServer) progress(`metrics on ${addressOf(metricsServer)}metrics`)
  stopOnSignal(async (signal) => {
    if (signal === 'SIGTERM' && drainMs > 0) await rowcast.drain(drainMs)
    metricsServer?.close()
    const closed = once(httpServer, 'close')
    httpServer.close()
    await rowcast.close()
    metricsServer?.closeAllConnections()
    httpServer.closeAllConnections() // those that are kept alive, and whoever has not hung up
    await closed
  }, drainMs)
  httpServer.listen(port, options.host)
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

function addressOf(httpServer: Server): string {
  const { address, family, port } = httpServer.address() as AddressInfo
  const host = address === '::' || address === '0.0.0.0' ? 'localhost' : address
  return `http://${family === 'IPv6' && host === address ? `[${host}]` : host}:${port}/`
}
