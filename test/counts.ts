import * as v from 'valibot'

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A process that ended without telling of its tests. */
export const failedToRun: Counts = { passed: 0, failed: 1, skipped: 0 }

const vitestReport = v.object({
  numPassedTests: v.number(),
  numFailedTests: v.number(),
  numPendingTests: v.number(),
  numTodoTests: v.number(),
})

const playwrightReport = v.object({
  stats: v.object({
    expected: v.number(),
    unexpected: v.number(),
    flaky: v.number(),
    skipped: v.number(),
  }),
})

/** Null if there is no report. */
export function vitestCounts(report: unknown, exitCode: number | null): Counts | null {
  const { success, output } = v.safeParse(vitestReport, report)
  if (!success) return null
  return atLeastOneFailure(exitCode, {
    passed: output.numPassedTests,
    failed: output.numFailedTests,
    skipped: output.numPendingTests + output.numTodoTests,
  })
}

/** Null if there is no report. */
export function playwrightCounts(report: unknown, exitCode: number | null): Counts | null {
  const { success, output } = v.safeParse(playwrightReport, report)
  if (!success) return null
  const { expected, unexpected, flaky, skipped } = output.stats
  return atLeastOneFailure(exitCode, { passed: expected + flaky, failed: unexpected, skipped })
}

/** A file that does not even load, or an error outside of any test, fails the run and no test. */
function atLeastOneFailure(exitCode: number | null, counts: Counts): Counts {
  return exitCode === 0 ? counts : { ...counts, failed: Math.max(1, counts.failed) }
}

export function sum(all: readonly Counts[]): Counts {
  const total = (of: keyof Counts) => all.reduce((result, counts) => result + counts[of], 0)
  return { passed: total('passed'), failed: total('failed'), skipped: total('skipped') }
}

export function summary({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
