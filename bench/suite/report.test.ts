import { expect, test } from 'vitest'
import { atLeast, atMost, figure, hasMissed, reportOf, textOf, type Report } from './report.ts'

const report = (...figures: Report['figures']): Report => ({
  name: 'any',
  machine: { cpu: 'a CPU', cores: 2, memoryGb: 4, system: 'Linux 6', loadBefore: 0.1 },
  versions: { rowcast: '0.1.0' },
  figures,
})

test('a target is met or missed, and what has none is for information', () => {
  expect(atMost('p95', 250, 'ms', 250)).toMatchObject({ target: '<= 250', met: true })
  expect(atMost('p95', 250.1, 'ms', 250)).toMatchObject({ target: '<= 250', met: false })
  expect(atLeast('rate', 499, '/s', 500)).toMatchObject({ target: '>= 500', met: false })
  expect(atMost('never', Infinity, 'ms', 1_000)).toMatchObject({ met: false })
  expect(atLeast('unknown', NaN, '/s', 1)).toMatchObject({ met: false })
  expect(atMost('p95', 999, 'ms', null)).toEqual(figure('p95', 999, 'ms'))
})

test('one missed target is enough', () => {
  const [met, missed, free] = [atMost('a', 1, '', 2), atMost('b', 3, '', 2), figure('c', 9, '')]
  expect(hasMissed(report(met, free))).toBe(false)
  expect(hasMissed(report(met, missed, free))).toBe(true)
})

test('a report names what it ran on and what it compares with, and no database if there was none', () => {
  const { machine, figures } = report()
  const names = (outcome: object) => Object.keys(reportOf('any', machine, { figures, ...outcome }).versions)
  expect(names({ postgresql: '18.4' })).toEqual(['rowcast', 'node', 'postgresql', 'socket.io'])
  expect(names({ versions: { zustand: '5.1.0' } })).toEqual(['rowcast', 'node', 'socket.io', 'zustand'])
})

test('a person sees where it was measured, each figure, and what was missed', () => {
  const text = textOf(report(figure('memory', 1234.4, 'MB'), atMost('p95', 300, 'ms', 250)))
  expect(text).toContain('a CPU, 2 cores, 4 GB, Linux 6; load before: 0.1')
  expect(text).toMatch(/memory +1,234 {2}MB\n/)
  expect(text).toMatch(/p95 +300 {2}ms +<= 250 {2}MISSED/)
})
