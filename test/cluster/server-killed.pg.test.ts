import { expect, test } from 'vitest'
import { createTestDatabase } from '../database.ts'
import { startRowcast, type RowcastProcess } from '../rowcast-process.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { createBank, expectEqual, openPage, startWriter, tellFigure, waitFor } from './bank.ts'

test('C-43 C-44 a server that is killed and started again: its pages resume, and nothing is lost or given twice', async () => {
  await using database = await createTestDatabase()
  await createBank(database.url)
  const { username } = new URL(database.url)
  await using project = await temporaryFolder({
    'rowcast.config.mjs': `export default { authenticate: () => ({ role: '${username}', claims: {} }) }`,
  })
  const serve = (port: string): RowcastProcess =>
    startRowcast(['serve', '--port', port, '--host', '127.0.0.1', '--database', database.url], {
      cwd: project.path,
    })
  let server = serve('0')
  try {
    const [, url = ''] = await server.until(/listening on (\S+?)\/?\s/)
    using one = await openPage(url)
    using two = await openPage(url)
    const pages = [one, two]
    const writer = startWriter(database.url)
    const quiet = one.quiet()
    for (let round = 0; round < 3; round++) {
      await writer.more(30)
      server.child.kill('SIGKILL')
      await server.exitCode()
      await waitFor(() => pages.forEach((page) => expect(page.isLive()).toBe(false)))
      await writer.more(30)
      const startedAt = performance.now()
      server = serve(new URL(url).port)
      await server.until(/listening on/)
      const listeningMs = performance.now() - startedAt
      await waitFor(() => expect(pages.some((page) => page.isLive())).toBe(true))
      const resumedMs = performance.now() - startedAt
      expect.soft(resumedMs).toBeLessThan(30_000)
      tellFigure(`listening after ${Math.round(listeningMs)} ms, resumed after ${Math.round(resumedMs)} ms`)
    }
    await writer.stop()
    await expectEqual(pages, database.url)
    for (const page of pages) {
      expect(page.epochs.size).toBe(1)
      expect(new Set(page.inserted)).toEqual(new Set([...page.inserted, ...writer.confirmed]))
    }
    for (const [id, row] of one.quiet()) expect(row).toBe(quiet.get(id))
  } finally {
    await server[Symbol.asyncDispose]()
  }
})
