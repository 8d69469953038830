import { expect, test } from 'vitest'
import { playwrightCounts, sum, summary, vitestCounts } from './counts.ts'

const vitest = { numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 0 }

test('the counts of all runs are summed', () => {
  const playwright = { stats: { expected: 2, unexpected: 1, flaky: 0, skipped: 0 } }
  const total = sum(
    [vitestCounts(vitest, 0), playwrightCounts(playwright, 1)].filter((counts) => counts !== null),
  )
  expect(summary(total)).toBe('5 passed, 1 failed, 1 skipped')
})

test('a run that fails outside of its tests is a failure', () => {
  expect(vitestCounts(vitest, 1)).toEqual({ passed: 3, failed: 1, skipped: 1 })
})

test('a run without a report is none', () => {
  expect(vitestCounts(null, 1)).toBeNull()
})

test('what was not skipped is not mentioned', () => {
  expect(summary({ passed: 2, failed: 0, skipped: 0 })).toBe('2 passed, 0 failed')
})
