import { expect, test } from 'vitest'
import { publish } from './publish.ts'
import { atMost, type Report } from './report.ts'

const report: Report = {
  name: 'latency',
  machine: { cpu: 'a CPU', cores: 2, memoryGb: 4, system: 'Linux 6', loadBefore: 0.1 },
  versions: { rowcast: '0.1.0' },
  figures: [atMost('p50', 1.2, 'ms', 2)],
}

const page = `# Benchmarks

<!-- figures: latency -->

what it was before

<!-- end -->

<!-- figures: stream -->
<!-- end -->
`

test('the figures of a bench take the place of what stood there, with what they were measured on', async () => {
  const published = await publish(page, report, 'page.md')
  expect(published).toMatch(/\| p50 +\| +1\.2 +\| ms +\| <= 2 +\| met +\|/)
  expect(published).toContain('a CPU, 2 cores, 4 GB, Linux 6; load before: 0.1; rowcast 0.1.0')
  expect(published).not.toContain('what it was before')
  expect(published).toContain('<!-- figures: stream -->')
  expect(await publish(published, report, 'page.md')).toBe(published)
})

test('a bench that has no place on the page is named', async () => {
  await expect(publish(page, { ...report, name: 'other' }, 'page.md')).rejects.toThrow(
    'page.md has no place for the figures of other',
  )
})
