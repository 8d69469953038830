import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const repository = fileURLToPath(new URL('..', import.meta.url))
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

export interface RowcastProcess extends AsyncDisposable {
  readonly child: ChildProcess
  /** Standard output and standard error so far. */
  readonly output: string
  /** Waits until the output matches, and gives the match. Fails when the process ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>
  /** Waits for the end. */
  exitCode(): Promise<number | null>
}

/**
 * Runs the CLI from its sources as a process of its own, in a process group of its own, as a terminal would.
 *
 * @param options.env added to this process's; `undefined` takes a variable away
 */
export function startRowcast(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string | undefined> } = {},
): RowcastProcess {
  const child = spawn(process.execPath, ['--import', tsx, `${repository}server/cli/main.ts`, ...args], {
    cwd: options.cwd ?? repository,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...options.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const listeners = new Set<() => void>()
  const tell = () => listeners.forEach((listener) => listener())
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      output += text.toString()
      tell()
    })
  const ended = once(child, 'close').then(() => tell())
  return {
    child,
    get output() {
      return output
    },
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output)
          const hasEnded = child.exitCode !== null || child.signalCode !== null
          if (!match && !hasEnded) return
          listeners.delete(look)
          if (match) resolve(match)
          else reject(new Error(`rowcast ended without saying ${String(pattern)}, but:\n${output}`))
        }
        listeners.add(look)
        look()
      }),
    async exitCode() {
      await ended
      return child.exitCode
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null && child.pid) {
        process.kill(-child.pid, 'SIGTERM')
        await ended
      }
    },
  }
}

/** Runs one command of the CLI to its end. */
export async function runRowcast(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string | undefined> } = {},
): Promise<{ code: number | null; output: string }> {
  await using rowcast = startRowcast(args, options)
  const code = await rowcast.exitCode()
  return { code, output: rowcast.output }
}
