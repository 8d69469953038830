import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runRowcast, startRowcast } from '../test/rowcast-process.ts'
import { startTestServer, testServer } from '../test/server.ts'
import type { AuditOutcome } from './audit.ts'
import { describe } from './findings.ts'

let stop: () => Promise<void>
beforeAll(async () => {
  stop = await startTestServer()
}, 60_000)
afterAll(() => stop())

// Other worlds, and more of them: rowcast audit --help
test(
  'nobody is sent, and nobody shows, what PostgreSQL would not let him read; and nothing is left behind',
  { timeout: 300_000 },
  async () => {
    const { url } = testServer()
    const options = ['--seed', '1', '--seconds', '20', '--grace', '5', '--json']
    const { code, output } = await runRowcast(['audit', '--database', url, ...options])
    const json = output.split('\n').find((line) => line.startsWith('{'))
    expect(json, output).toBeDefined()
    const { leaks, faults, counts } = JSON.parse(json ?? '') as AuditOutcome
    expect([...leaks, ...faults].map((finding) => `seed ${finding.seed}: ${describe(finding)}`)).toEqual([])
    expect(code).toBe(0)
    // a run in which nothing happened would show nothing
    expect(counts.changesOfRights).toBeGreaterThan(0)
    expect(counts.values).toBeGreaterThan(100)
    expect(counts.comparedRows).toBeGreaterThan(50)
    expect(await madeByAudits()).toEqual([])
  },
)

test('interrupted in the midst of a world, it ends, and leaves nothing behind', async () => {
  await using audit = startRowcast(['audit', '--database', testServer().url, '--seconds', '600'])
  const worlds = /^rowcast_audit_.*_run$/
  await expect.poll(madeByAudits, { timeout: 60_000 }).toContainEqual(expect.stringMatching(worlds))

  audit.child.kill('SIGINT')
  expect(await audit.exitCode(), audit.output).toBe(130)
  expect(await madeByAudits()).toEqual([])
})

/** Names of databases and roles. */
async function madeByAudits(): Promise<string[]> {
  const client = new pg.Client(testServer().url)
  await client.connect()
  const { rows } = await client.query<{ name: string }>(
    `select datname as name from pg_database where datname like 'rowcast\\_audit\\_%'
     union all select rolname from pg_roles where rolname like 'rowcast\\_audit\\_%'`,
  )
  await client.end()
  return rows.map(({ name }) => name)
}
