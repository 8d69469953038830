import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'

const program = fileURLToPath(new URL('log-reader-child.ts', import.meta.url))
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** A log reader in a process of its own. */
export interface LogReaderProcess extends AsyncDisposable {
  readonly child: ChildProcess
  /** The keys of the changes that it was given, in order, and when by `performance.now()` here. */
  readonly changes: { readonly key: string; readonly at: number }[]
  /** Relations that it has been told are too much. */
  readonly heavy: number[]
  readonly log: string[]
}

/** @param flags Node's */
export async function startLogReader(
  url: string,
  relationIds: readonly number[],
  flags: readonly string[] = [],
): Promise<LogReaderProcess> {
  const parameters = [...flags, '--import', tsx, program, url, ...relationIds.map(String)]
  const child = spawn(process.execPath, parameters, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const changes: LogReaderProcess['changes'] = []
  const heavy: number[] = []
  const log: string[] = []
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const said = JSON.parse(line)
      if (said === 'started') resolve()
      else if (said.key) changes.push({ key: said.key, at: performance.now() })
      else if (said.heavy) heavy.push(said.heavy)
      else log.push(said.log)
    })
    child.once('exit', () => reject(new Error('the log reader did not start')))
  })
  return {
    child,
    changes,
    heavy,
    log,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
