import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/**
 * The secret that signs tokens: `CHAT_SECRET`, else one that is made at the first start and kept in
 * `.rowcast/`, so that people stay signed in when the server restarts.
 */
export async function loadSecret(folder = resolve('.rowcast')): Promise<Uint8Array> {
  const given = process.env['CHAT_SECRET']
  if (given) return new TextEncoder().encode(given)
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'chat-secret')
  try {
    // `wx` fails if the file is there: of two servers that start at once, one writes and both read.
    await writeFile(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return new TextEncoder().encode(await readFile(file, 'utf8'))
}
