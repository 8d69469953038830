import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Where root keeps what an unprivileged user must reach when the project lies where only root may
 * look. Root's own, so that nobody can put anything else in its place.
 */
export async function privateFolderFor(purpose: 'bin' | 'data'): Promise<string> {
  const folder = join('/var/lib/rowcast', purpose)
  await mkdir(folder, { recursive: true })
  for (const each of ['/var/lib/rowcast', folder]) await chmod(each, 0o755) // whatever the umask
  return folder
}
