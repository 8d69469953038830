import { expect, test } from 'vitest'
import { judge, type Commit } from './judge.ts'

// Users 1 and 2 are in channel 1, user 21 is in channel 2.
const users = [1, 2, 21]
const insert: Commit = { change: 7, op: 'row_insert', id: 100, channel: 1, dueAt: 0, issuedAt: 1, at: 2 }
const remove: Commit = { change: 8, op: 'row_delete', id: 50, channel: 2, dueAt: 5, issuedAt: 6, at: 7 }

test('what reached everybody whom it concerns, and nobody else, is without fault and gives a latency each', () => {
  const arrivals = [
    { user: 1, what: 7, at: 5 },
    { user: 2, what: 7, at: 6 },
    { user: 21, what: -50, at: 9 },
  ]
  expect(judge(users, [insert, remove], arrivals)).toEqual({ latenciesMs: [3, 4, 2], faults: [] })
})

test('what is missing, comes twice, is of another channel or was made by nobody is a fault', () => {
  const arrivals = [
    { user: 1, what: 7, at: 5 },
    { user: 1, what: 7, at: 6 },
    { user: 21, what: 7, at: 6 },
    { user: 2, what: 9, at: 6 },
  ]
  expect(judge(users, [insert, remove], arrivals).faults).toEqual([
    'user 1 was told of change 7 twice',
    'user 21 was told of change 7 of another channel',
    'user 2 was told of change 9, which nobody made',
    '1 were not told of change 7',
    '1 were not told of change 8',
  ])
})

test('who has been put out may miss what came close before, and must not get what came after', () => {
  const out = [{ user: 2, at: 10 }]
  const after: Commit = { ...insert, change: 9, id: 101, issuedAt: 15, at: 16 }
  const toTheOther = [7, 9].map((what) => ({ user: 1, what, at: 20 }))
  expect(judge([1, 2], [insert, after], toTheOther, out).faults).toEqual([])
  expect(judge([1, 2], [insert, after], [...toTheOther, { user: 2, what: 9, at: 20 }], out).faults).toEqual([
    'user 2 was told of change 9, made 5 ms after he was out',
  ])
  const gone: Commit = { ...remove, channel: 1, issuedAt: 15, at: 16 }
  expect(judge([2], [gone], [{ user: 2, what: -50, at: 20 }], out).faults).toEqual([])
})
