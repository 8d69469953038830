import { expect, test } from 'vitest'
import type { Message } from '../tables.ts'
import { layTimeline } from './timeline.ts'

let lastId = 0
function message(author_id: number, created_at: string): Message {
  return { id: ++lastId, channel_id: 1, author_id, body: 'x', created_at, edited_at: null }
}

test('a run of one author is one group, until somebody else writes or five minutes pass', () => {
  const entries = layTimeline(
    [
      message(1, '2024-05-01T12:00:00'),
      message(1, '2024-05-01T12:04:00'),
      message(2, '2024-05-01T12:05:00'),
      message(2, '2024-05-01T12:11:00'),
    ],
    null,
    9,
  )
  expect(entries.map((entry) => entry.startsGroup)).toEqual([true, false, true, true])
})

test('the first message of a day starts the day and a group', () => {
  const entries = layTimeline([message(1, '2024-05-01T23:59:00'), message(1, '2024-05-02T00:01:00')], null, 9)
  expect(entries.map(({ startsDay, startsGroup }) => [startsDay, startsGroup])).toEqual([
    [true, true],
    [true, true],
  ])
})

test('the unread mark stands once, before the first message of somebody else after what was read', () => {
  const messages = [1, 9, 1, 1].map((author) => message(author, '2024-05-01T12:00:00'))
  const read = messages[0]?.id ?? 0
  expect(layTimeline(messages, read, 9).map((entry) => entry.startsUnread)).toEqual([
    false,
    false,
    true,
    false,
  ])
})

test('without a mark nothing counts as unread', () => {
  const messages = [message(1, '2024-05-01T12:00:00')]
  expect(layTimeline(messages, null, 9).map((entry) => entry.startsUnread)).toEqual([false])
})
