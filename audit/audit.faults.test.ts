import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, testServer } from '../test/server.ts'
import { audit } from './audit.ts'
import { describe } from './findings.ts'

let stop: () => Promise<void>
beforeAll(async () => {
  stop = await startTestServer()
}, 60_000)
afterAll(() => stop())

// Other worlds, and more of them: rowcast audit --help
test(
  'nobody is sent, and nobody shows, what PostgreSQL would not let him read',
  { timeout: 300_000 },
  async () => {
    const { leaks, faults, counts } = await audit({
      url: testServer().url,
      seed: 1,
      seconds: 25,
      size: { graceMs: 5_000 },
    })
    expect([...leaks, ...faults].map((finding) => `seed ${finding.seed}: ${describe(finding)}`)).toEqual([])
    // a run in which nothing happened would show nothing
    expect(counts.changesOfRights).toBeGreaterThan(0)
    expect(counts.values).toBeGreaterThan(100)
    expect(counts.comparedRows).toBeGreaterThan(50)
  },
)
