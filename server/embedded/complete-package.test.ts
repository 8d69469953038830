import { chmod, readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { completePackage } from './complete-package.ts'

const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }]

test('a package whose install script was not run gets its links and modes', async () => {
  await using folder = await temporaryFolder({
    'native/bin/postgres': 'program',
    'native/lib/libpq.so.5.18': 'library',
    'native/pg-symlinks.json': JSON.stringify(links),
  })
  await chmod(join(folder.path, 'native/bin/postgres'), 0o600)

  for (const _ of ['first', 'again']) await completePackage(join(folder.path, 'native'))

  expect(await readFile(join(folder.path, 'native/lib/libpq.so.5'), 'utf8')).toBe('library')
  expect(await readlink(join(folder.path, 'native/lib/libpq.so.5'))).toBe('libpq.so.5.18')
  expect((await stat(join(folder.path, 'native/bin/postgres'))).mode & 0o555).toBe(0o555)
})

test('a package that cannot be completed says what to do', async () => {
  await using folder = await temporaryFolder()
  await expect(completePackage(join(folder.path, 'native'))).rejects.toThrow('Run `npm rebuild`')
})
