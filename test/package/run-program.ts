import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Runs a program to its end and gives its output; fails with it when the program does. */
export async function runProgram(cwd: string, program: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await execute(program, args, { cwd, maxBuffer: 64 << 20, env: environment() })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  }
}

export interface Running extends AsyncDisposable {
  /** What the first group of the pattern matches in the output. */
  until(pattern: RegExp): Promise<string>
}

/** Runs a program until it is disposed of, with all that it has started. */
export function startProgram(
  cwd: string,
  env: Record<string, string>,
  program: string,
  ...args: string[]
): Running {
  const child = spawn(program, args, {
    cwd,
    env: { ...environment(), ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text))
  return {
    async until(pattern) {
      for (;;) {
        const match = pattern.exec(output)
        if (match) return match[1] ?? ''
        if (child.exitCode !== null) throw new Error(`${program} ended, saying:\n${output}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      process.kill(-(child.pid ?? 0), 'SIGINT')
      await ended
    },
  }
}

/** As on another machine: without what npm and the test runners tell their own scripts, and without colours. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle)_|FORCE_COLOR$|NODE_)/.test(name),
  )
  return { ...Object.fromEntries(own), NO_COLOR: '1' }
}
