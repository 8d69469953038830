import { expect, test } from 'vitest'
import { describe } from './findings.ts'
import { hasFailed, run } from './harness.ts'
import { faultKinds } from './schedule.ts'
import { smallSize } from './workload.ts'

// Short runs of the harness. Another seed, or a longer run: npm run faults -- --help
for (const seed of [3, 11])
  test(
    `nothing is lost and nothing comes twice while everything breaks: seed ${seed}`,
    { timeout: 300_000 },
    async () => {
      const outcome = await run({
        seed,
        durationMs: 22_000,
        everyMs: 1_200,
        longestMs: 5_000,
        servers: 3,
        clients: 8,
        size: smallSize,
        writers: 3,
        pauseMs: 100,
        bulkEveryMs: 10_000,
        restMs: 120_000,
        without: ['resumesChecked'], // it may have been other subscriptions that were resumed
        memoryEveryMs: 60_000,
      })
      const { verdict, troubles, folder, figures } = outcome
      const repeat = `npm run faults -- --seed ${seed} --minutes 0.37 --every 1.2 --longest 5 --clients 8 --small`
      expect(
        [...verdict.violations.map(describe), ...troubles],
        `seed ${seed}; the records are in ${folder}; another run of the kind: ${repeat}`,
      ).toEqual([])
      expect(hasFailed(outcome)).toBe(false)
      // a run in which nothing happened would show nothing
      expect(Object.keys(figures.faults).length).toBeGreaterThan(faultKinds.length / 2)
      expect(verdict.counts.transactions).toBeGreaterThan(50)
    },
  )
