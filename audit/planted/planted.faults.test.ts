import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, testServer } from '../../test/server.ts'
import { describe } from '../findings.ts'
import { plantedLeaks, plantedSeed, plantedSize } from './leaks.ts'
import { auditWith } from './plant.ts'

let stop: () => Promise<void>
beforeAll(async () => {
  stop = await startTestServer()
}, 60_000)
afterAll(() => stop())

// A check that cannot fail is worth nothing. The others are found by: npm run planted-leaks
test.each(plantedLeaks.filter(({ isQuick }) => isQuick))(
  'found: $name',
  // Whether a leak shows within seconds is a matter of chance: it is to be found in one of three tries.
  { timeout: 180_000, retry: 2 },
  async ({ kinds, edits, size }) => {
    const { leaks } = await auditWith(edits, {
      url: testServer().url,
      seed: plantedSeed,
      seconds: 20,
      size: { ...plantedSize, ...size },
      until: kinds,
    })
    const found = leaks.map(({ kind }) => kind)
    expect(
      found.some((kind) => kinds.includes(kind)),
      `wanted ${kinds.join(' or ')}, found: ${leaks.map(describe).join('\n') || 'nothing'}`,
    ).toBe(true)
  },
)
