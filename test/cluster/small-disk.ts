import { execFile } from 'node:child_process'
import { chown, mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { unprivilegedUser } from '../../server/embedded/system-user.ts'

const run = promisify(execFile)

/** A small disk, in memory, that PostgreSQL may write to. Dispose of it when nobody has files open on it. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string
  /** Why there is none: mounting takes root, and containers may forbid it. */
  readonly problem: string | undefined
  resize(kilobytes: number): Promise<void>
}

export async function mountSmallDisk(kilobytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'rowcast-disk-'))
  const { uid, gid } = await unprivilegedUser()
  let problem: string | undefined
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k,mode=700`, 'rowcast-test', path])
    if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
  } catch (error) {
    problem = `no disk can be mounted here: ${String(error)}`
  }
  return {
    path,
    problem,
    resize: async (size) => void (await run('mount', ['-o', `remount,size=${size}k`, path])),
    async [Symbol.asyncDispose]() {
      if (problem === undefined) await run('umount', [path])
      await rmdir(path)
    },
  }
}
