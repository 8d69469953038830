import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The operating system's user that runs PostgreSQL: empty when it is whoever runs this process. */
export interface SystemUser {
  readonly uid?: number
  readonly gid?: number
}

/**
 * PostgreSQL refuses to run as root. For root (containers, mostly) this gives another user: `postgres`
 * if there is one, else a system user `rowcast`, which is created.
 */
export async function unprivilegedUser(): Promise<SystemUser> {
  if (process.getuid?.() !== 0) return {}
  const known = (await userNamed('postgres')) ?? (await userNamed('rowcast'))
  if (known) return known
  await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', 'rowcast'])
    // No useradd, or a read-only /etc: `nobody` is everywhere.
    .catch(() => undefined)
  const user = (await userNamed('rowcast')) ?? (await userNamed('nobody'))
  if (user) return user
  throw new Error(
    'PostgreSQL cannot run as root, and no other user could be found or created. ' +
      'Run as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.',
  )
}

async function userNamed(name: string): Promise<SystemUser | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  } catch {
    return null
  }
}

/** Whether this user can go into a folder: every folder above it must let it through, too. */
export async function canEnter(user: SystemUser, folder: string): Promise<boolean> {
  if (user.uid === undefined) return true
  const check = spawn('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...user, cwd: '/', stdio: 'ignore' })
  return new Promise((resolve) => {
    check.on('error', () => resolve(false))
    check.on('exit', (code) => resolve(code === 0))
  })
}
