import { expect, test } from 'vitest'
import { createTestDatabase } from '../database.ts'
import { startRowcast as startProcess } from '../rowcast-process.ts'
import { startRowcast } from '../rowcast-server.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { createBank, expectEqual, openPage, startWriter } from './bank.ts'

/** Loaded before the server: each signal moves its clock, as an operator or NTP might. */
const jumpingClock = `
  const Real = Date
  let offsetMs = 0
  globalThis.Date = class Date extends Real {
    constructor(...args) {
      if (args.length === 0) super(Real.now() + offsetMs)
      else super(...args)
    }
    static now() {
      return Real.now() + offsetMs
    }
  }
  const hours = [5, -12, 240, 0]
  process.on('SIGUSR2', () => {
    offsetMs = (hours.shift() ?? 0) * 3_600_000
    console.log('the clock says ' + new Date().toISOString())
  })`

test('the clock of a server jumps by hours, forth and back, and no page notices', async () => {
  await using database = await createTestDatabase()
  await createBank(database.url)
  const { username } = new URL(database.url)
  await using project = await temporaryFolder({
    'rowcast.config.mjs': `export default { authenticate: () => ({ role: '${username}', claims: {} }) }`,
    'clock.mjs': jumpingClock,
  })
  await using server = startProcess(
    ['serve', '--port', '0', '--host', '127.0.0.1', '--database', database.url],
    { cwd: project.path, env: { NODE_OPTIONS: `--import ${project.path}/clock.mjs` } },
  )
  const [, url = ''] = await server.until(/listening on (\S+?)\/?\s/)
  using one = await openPage(url)
  const pages = [one]
  const writer = startWriter(database.url)
  for (let jump = 1; jump <= 4; jump++) {
    await writer.more(30)
    server.child.kill('SIGUSR2')
    await server.until(new RegExp(`(the clock says[^]*){${jump}}`))
    await writer.more(30)
    const late = await openPage(url)
    pages.push(late)
  }
  await writer.stop()
  await expectEqual(pages, database.url)
  for (const page of pages) {
    expect(page.connections).toEqual(['connecting', 'live'])
    page[Symbol.dispose]()
  }
})

test('the clock of the database goes back from change to change: order and positions do not depend on it', async () => {
  await using database = await createTestDatabase()
  await createBank(database.url)
  const sql = await database.connect()
  await sql.query(`create sequence hours_back;
    alter table event.change alter column at
      set default timestamptz '2030-01-01' - nextval('hours_back') * interval '1 hour'`)
  await using rowcast = await startRowcast(database.url)
  using page = await openPage(rowcast.url)
  const writer = startWriter(database.url)
  await writer.more(100)
  await writer.stop()
  await expectEqual([page], database.url)
  const { rows } = await sql.query(`select count(*)::int as back from (
    select at < lag(at) over (order by seq) as is_back from event.change) as c where is_back`)
  expect(rows[0].back).toBeGreaterThan(100)
  // One writer: the order of its commits is that of its names.
  expect(page.inserted).toEqual(writer.confirmed)
})
