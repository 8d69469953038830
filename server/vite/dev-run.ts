import type { Server } from 'node:http'
import type { Logger } from 'vite'
import { defaultPath } from '../../shared/protocol.ts'
import { openProjectDatabase, type ProjectDatabase } from '../embedded/project-database.ts'
import { createRowcast, type Rowcast, type RowcastOptions } from '../main.ts'
import { holdUntilReady } from './hold-until-ready.ts'
import { thisComputerOnly } from './this-computer-only.ts'
import { viteLog } from './vite-log.ts'

/** `createRowcast`'s options without the HTTP server, which is Vite's. */
export type RowcastPluginOptions = Omit<RowcastOptions, 'httpServer' | 'authenticate'> &
  Partial<Pick<RowcastOptions, 'authenticate'>>

/** Those that are just stopping. A restarted dev server waits for them: they may hold the same database. */
const stopping = new Set<Promise<void>>()

/**
 * Rowcast inside one run of a dev or preview server: from the moment when that listens until it closes.
 * Vite sets up a restarted server before it closes the old one, so nothing is started any earlier.
 */
export class DevRun {
  /** Rejects if Rowcast does not start; the dev server goes on without it. */
  readonly ready: Promise<Rowcast>
  readonly #options: RowcastPluginOptions
  readonly #httpServer: Server
  readonly #log: Logger
  #database: ProjectDatabase | undefined
  #starting: Promise<Rowcast> | undefined
  #stopped: Promise<void> | undefined

  constructor(options: RowcastPluginOptions, httpServer: Server, log: Logger) {
    this.#options = options
    this.#httpServer = httpServer
    this.#log = log
    this.ready = new Promise((resolve, reject) => {
      httpServer.once('listening', () => (this.#starting = this.#start()).then(resolve, reject))
      httpServer.once('close', () => {
        reject(new Error('the dev server has closed'))
        void this.stop()
      })
    })
    this.ready.catch((error: unknown) => {
      if (!this.isStopping) log.error(`rowcast: ${describe(error)}`, { timestamp: true })
    })
    holdUntilReady(httpServer, options.path ?? defaultPath, this.ready)
  }

  get isStopping(): boolean {
    return this.#stopped !== undefined
  }

  /** Set once the database is there. */
  get database(): ProjectDatabase | undefined {
    return this.#database
  }

  /** May be called twice, and while it still starts. */
  stop(): Promise<void> {
    if (this.#stopped) return this.#stopped
    const stopped = this.#stop().finally(() => stopping.delete(stopped))
    stopping.add(stopped)
    return (this.#stopped = stopped)
  }

  async #start(): Promise<Rowcast> {
    await Promise.all(stopping)
    const progress = (message: string) => this.#log.info(`rowcast: ${message}`, { timestamp: true })
    this.#database = await openProjectDatabase(this.#options.database, progress)
    const local = thisComputerOnly()
    return createRowcast({
      authenticate: local.authenticate,
      logger: viteLog(this.#log),
      ...this.#options,
      database: this.#database.database,
      httpServer: this.#httpServer,
      setup: async (client) => {
        await local.setup(client)
        await this.#options.setup?.(client)
      },
    })
  }

  async #stop(): Promise<void> {
    const rowcast = await this.#starting?.catch(() => undefined)
    await rowcast?.close()
    await this.#database?.stop()
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
