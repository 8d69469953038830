import { Command } from 'commander'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Plugin, ViteDevServer } from 'vite'
import type { RowcastPluginApi } from '../vite.ts'
import { stopOnSignal } from './stop-on-signal.ts'
import { UsageError } from './usage-error.ts'

interface DevOptions {
  readonly database?: string
  readonly port?: string
  readonly host?: string | boolean
  readonly open?: boolean
}

export function devCommand(): Command {
  return new Command('dev')
    .summary("run the project's dev server, with a database")
    .description(
      "Runs Vite's dev server of the project in this folder, whose vite.config has the plugin rowcast(). " +
        'Without a database of your own it starts an embedded PostgreSQL, which keeps its data in .rowcast/. ' +
        'Ctrl-C stops both.',
    )
    .option('-d, --database <url>', 'where the database is (default: DATABASE_URL, else the embedded one)')
    .option('-p, --port <number>', 'where the page is; the next free one if it is taken (default: 5173)')
    .option('--host [address]', 'let other computers in; needs `authenticate` for them to get any data')
    .option('--open', 'open the page in the browser')
    .addHelpText(
      'after',
      `
Examples:
  rowcast dev
  rowcast dev --port 3000 --database postgres://user:password@localhost:5432/app`,
    )
    .action(dev)
}

async function dev({ database, port, host, open }: DevOptions): Promise<void> {
  const { createServer } = await importVite()
  if (database) process.env['DATABASE_URL'] = database
  const server = await createServer({
    server: { ...(port && { port: parsePort(port) }), ...(host && { host }), ...(open && { open }) },
  })
  stopOnSignal(() => server.close())
  const rowcast = pluginOf(server)
  rowcast.ready.catch(async () => {
    // The plugin has said why.
    await server.close()
    process.exit(1)
  })
  await server.listen()
  server.printUrls()
  server.bindCLIShortcuts({ print: true })
}

function pluginOf(server: ViteDevServer): RowcastPluginApi {
  const plugin = server.config.plugins.find(({ name }) => name === 'rowcast') as
    Plugin<RowcastPluginApi> | undefined
  if (plugin?.api) return plugin.api
  void server.close()
  throw new UsageError(
    `${server.config.configFile ?? 'vite.config'} has no rowcast(): ` +
      "import { rowcast } from 'rowcast/vite' and put rowcast() among its plugins.",
  )
}

/** The project's own Vite rather than one beside Rowcast. */
async function importVite(): Promise<typeof import('vite')> {
  try {
    const path = createRequire(join(process.cwd(), 'package.json')).resolve('vite')
    return (await import(pathToFileURL(path).href)) as typeof import('vite')
  } catch (cause) {
    throw new UsageError(
      'There is no Vite in this project, and `rowcast dev` runs its dev server. ' +
        'Go to the folder of the project, or `npm install --save-dev vite`.',
      { cause },
    )
  }
}

export function parsePort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port
  throw new UsageError(`${text} is no port: a number from 0 to 65535`)
}
