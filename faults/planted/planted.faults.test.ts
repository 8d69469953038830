import { expect, test } from 'vitest'
import { describe } from '../findings.ts'
import { plantedBugs, shortRun } from './bugs.ts'
import { tryWith } from './plant.ts'

// A check that cannot fail is worth nothing. The others are found by: npm run faults -- --planted
test.each(plantedBugs.filter(({ isQuick }) => isQuick))(
  'found: $name',
  // Whether a bug does harm within seconds is a matter of chance: it is to be found in one of three tries.
  { timeout: 180_000, retry: 2 },
  async ({ kinds, edits, run }) => {
    const { violations } = await tryWith(edits, { ...shortRun, ...run })
    const found = violations.map(({ kind }) => kind)
    expect(
      found.some((kind) => kinds.includes(kind)),
      `wanted ${kinds.join(' or ')}, found: ${violations.map(describe).join('\n') || 'nothing'}`,
    ).toBe(true)
  },
)
