import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createClient } from '../../client/core/index.ts'
import { createTestDatabase } from '../../test/database.ts'
import { startRowcast } from '../../test/rowcast-process.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'

const rows = 1_000_000
/** What the server's JavaScript may hold, in MB: with more it ends. */
const heap = 96

test(
  'a transaction of a million rows passes through a server of little memory, is shown whole, and delays nobody for long',
  { timeout: 300_000 },
  async () => {
    await using database = await createTestDatabase()
    const [bulk, admin] = [await database.connect(), await database.connect()]
    await admin.query(
      `create table big (id int primary key, text text); create table small (id int primary key);
       select event.track('big'); select event.track('small')`,
    )
    const config = `export default { authenticate: () => ({ role: '${new URL(database.url).username}', claims: {} }) }`
    await using folder = await temporaryFolder({ 'rowcast.config.mjs': config })
    await using server = startRowcast(['serve', '--port', '0', '--host', '127.0.0.1', '-d', database.url], {
      cwd: folder.path,
      env: { NODE_OPTIONS: `--max-old-space-size=${heap}` },
    })
    const [, url = ''] = await server.until(/listening on (\S+)/)
    const before = await residentMegabytes(server.child.pid)

    // A page of its own: what it costs to take a million rows in is not to delay those who look at something else.
    await using page = startFollower(url, ['big', 'small'])
    const other = createClient({ url })
    const small = other.table('small')
    const smallRows = () => {
      const result = small.getSnapshot()
      return result.status === 'ready' ? result.data.length : null
    }
    small.subscribe(() => undefined)
    await expect.poll(() => [page.sizes.at(-1), smallRows()], { timeout: 10_000 }).toEqual([[0, 0], 0])

    await bulk.query('begin')
    await bulk.query(`insert into big select n, 'row ' || n from generate_series(1, ${rows}) as n`)
    const committed = bulk.query('commit')
    const delays: number[] = []
    for (let id = 1; page.sizes.at(-1)?.[0] !== rows; id++) {
      await admin.query('insert into small values ($1)', [id])
      const start = performance.now()
      await expect.poll(smallRows, { timeout: 60_000, interval: 5 }).toBe(id)
      delays.push(performance.now() - start)
      await sleep(50)
    }
    await committed
    await expect.poll(() => page.sizes.at(-1), { timeout: 60_000 }).toEqual([rows, delays.length])
    expect(page.sizes.filter((sizes) => sizes[0] !== 0 && sizes[0] !== null)).toSatisfy(
      (seen: typeof page.sizes) => seen.every((sizes) => sizes[0] === rows),
    )
    // Above what it takes at rest. Measured on busy machines: 45 to 50 MB, and 0.4 to 0.8 s.
    expect((await peakMegabytes(server.child.pid)) - before).toBeLessThan(100)
    expect(Math.max(...delays)).toBeLessThan(10_000)
    other.close()
  },
)

/** A client in a process of its own, and how many rows it has shown of each relation, one entry a change. */
function startFollower(url: string, relations: readonly string[]) {
  const sizes: (number | null)[][] = []
  const child = fork(follower, [url, ...relations], { execArgv: ['--import', 'tsx'] })
  child.on('message', (shown) => sizes.push(shown as (number | null)[]))
  return {
    sizes,
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'exit')
    },
  }
}
const follower = fileURLToPath(new URL('../../test/table-follower-child.ts', import.meta.url))

async function memory(pid: number | undefined, field: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
}
const residentMegabytes = (pid: number | undefined) => memory(pid, 'VmRSS')
const peakMegabytes = (pid: number | undefined) => memory(pid, 'VmHWM')
