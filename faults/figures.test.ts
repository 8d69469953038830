import { expect, test } from 'vitest'
import { figuresOf } from './figures.ts'
import type { FaultRecord } from './records.ts'

const applied = (at: number): FaultRecord => ({
  at,
  kind: 'applied',
  client: 'c',
  position: 'e/1:1:',
  held: {},
})
const wrote = (at: number): FaultRecord => ({
  at,
  kind: 'wrote',
  writer: 'w',
  xid: '7',
  isCommitted: true,
  writes: [],
})

test('a stall is the longest wait for something new, and counts for the faults of its time', () => {
  const figures = figuresOf([
    { at: 0, kind: 'begun', client: 'c', isResumed: false },
    applied(100),
    { at: 200, kind: 'fault', fault: 'server_kill', target: 's0', phase: 'begin' },
    { at: 900, kind: 'fault', fault: 'server_kill', target: 's0', phase: 'end' },
    applied(5_100),
    applied(5_300),
    wrote(9_000),
  ])
  expect(figures.longestStall).toEqual({ ms: 5_000, client: 'c' })
  expect(figures.longestStallMs).toMatchObject({ server_kill: 5_000, none: 200 })
  expect(figures.faults).toEqual({ server_kill: 1 })
})

test('when nobody writes any more, nothing new is no stall', () => {
  const { longestStall } = figuresOf([
    { at: 0, kind: 'begun', client: 'c', isResumed: false },
    applied(100),
    wrote(300),
    applied(60_000),
  ])
  expect(longestStall?.ms).toBe(200)
})

test('a page that is closed waits for nothing', () => {
  const { longestStall } = figuresOf([
    { at: 0, kind: 'begun', client: 'c', isResumed: false },
    applied(100),
    { at: 50_000, kind: 'begun', client: 'c', isResumed: true },
    applied(50_050),
    wrote(90_000),
  ])
  expect(longestStall?.ms).toBe(100)
})
