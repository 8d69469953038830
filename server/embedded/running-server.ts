import { execFile } from 'node:child_process'
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What `postmaster.pid` says of a server. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  readonly isReady: boolean
}

/** Reads `postmaster.pid`: null when there is none, or when it is only just being written. */
export async function readPostmaster(dataFolder: string): Promise<Postmaster | null> {
  const text = await readFile(join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => '')
  const [pid, , , port, , , , status] = text.split('\n')
  if (!Number(pid)) return null
  return { pid: Number(pid), port: Number(port), isReady: status?.trim() === 'ready' }
}

/**
 * Finds the server that runs on a data folder.
 *
 * A crash leaves the lock file behind. PostgreSQL sees through that by itself when the process is
 * gone, but not when another program has its number by now, as happens in containers, where the same
 * few numbers come again: then the number is replaced by one that no process has. The rest of the file
 * stays, because by it PostgreSQL checks that no forgotten child still writes to the folder.
 */
export async function findRunningServer(dataFolder: string): Promise<Postmaster | null> {
  const postmaster = await readPostmaster(dataFolder)
  if (!postmaster || !processExists(postmaster.pid)) return null
  if (await isServerOf(dataFolder, postmaster.pid)) return postmaster
  const file = join(dataFolder, 'postmaster.pid')
  // A server that is just ending takes its file along.
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return null
  const [, ...rest] = text.split('\n')
  await writeFile(file, [2 ** 31 - 2, ...rest].join('\n'))
  return null
}

/** Whether there is a process of this id, whoever owns it. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function isServerOf(dataFolder: string, pid: number): Promise<boolean> {
  if (process.platform === 'win32') return true // no way to tell; PostgreSQL refuses if it is none
  if (process.platform === 'linux') {
    // A server works in its data folder. One whose folder we may not read is somebody else's.
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => null)
    return folder === (await realpath(dataFolder))
  }
  const name = await run('ps', ['-p', String(pid), '-o', 'comm=']).catch(() => ({ stdout: '' }))
  return basename(name.stdout.trim()).startsWith('postgres')
}
