import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { RowcastOptions } from '../main.ts'
import { UsageError } from './usage-error.ts'

/** What `rowcast.config` exports as default: the options of `createRowcast` that `serve` does not set itself. */
export type RowcastConfig = Omit<RowcastOptions, 'httpServer'>

const names = ['rowcast.config.js', 'rowcast.config.mjs', 'rowcast.config.ts']

/** Loads the named config, else the one in the working folder; null if there is none. */
export async function loadConfig(named: string | undefined): Promise<Partial<RowcastConfig> | null> {
  const file = named === undefined ? await findConfig() : resolve(named)
  if (file === null) return null
  if (!(await exists(file))) throw new UsageError(`There is no ${file}.`)
  const { default: config } = await importConfig(file)
  if (typeof config === 'object' && config !== null) return config
  throw new UsageError(`${file} must export its options as default: export default { authenticate … }`)
}

async function findConfig(): Promise<string | null> {
  for (const name of names) if (await exists(resolve(name))) return resolve(name)
  return null
}

async function importConfig(file: string): Promise<{ default?: Partial<RowcastConfig> }> {
  const url = pathToFileURL(file).href
  try {
    return (await import(url)) as { default?: Partial<RowcastConfig> }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error
    return { default: await importByVite(file) }
  }
}

/** Node reads TypeScript by itself from 22.18 on. */
async function importByVite(file: string): Promise<Partial<RowcastConfig>> {
  try {
    const path = createRequire(join(process.cwd(), 'package.json')).resolve('vite')
    const vite = (await import(pathToFileURL(path).href)) as typeof import('vite')
    const { module } = await vite.runnerImport<{ default: Partial<RowcastConfig> }>(file)
    return module.default
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause
    throw new UsageError(
      `Node ${process.versions.node} cannot read ${file}: use Node 22.18 or newer, install vite, or write rowcast.config.js`,
      { cause },
    )
  }
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
