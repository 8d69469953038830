// @vitest-environment happy-dom
import { act, renderHook } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { useUnreadLine } from './use-unread-line.ts'

function followLine(lastRead: number, newestId: number) {
  const hook = renderHook(
    ({ lastRead, newestId }) =>
      useUnreadLine({ channel_id: 1, user_id: 1, last_read_message_id: lastRead, joined_at: '' }, newestId),
    { initialProps: { lastRead, newestId } },
  )
  return {
    now: (lastRead: number, newestId: number) => hook.rerender({ lastRead, newestId }),
    page(visibility: DocumentVisibilityState) {
      vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(visibility)
      act(() => document.dispatchEvent(new Event('visibilitychange')))
    },
    get line() {
      return hook.result.current
    },
  }
}

test('whoever comes to unread messages finds the line where they had read to, and it stays as they read', () => {
  const channel = followLine(5, 8)
  expect(channel.line).toBe(5)
  channel.now(8, 8)
  expect(channel.line).toBe(5)
})

test('whoever has read all gets no line for what comes before their eyes', () => {
  const channel = followLine(5, 5)
  channel.now(5, 6)
  expect(channel.line).toBeNull()
})

test('what comes while the page is hidden stands below a line when one looks again', () => {
  const channel = followLine(5, 5)
  channel.page('hidden')
  channel.now(5, 7)
  channel.page('visible')
  expect(channel.line).toBe(5)
})

test('if nothing came while the page was hidden, later messages get no line', () => {
  const channel = followLine(5, 5)
  channel.page('hidden')
  channel.page('visible')
  channel.now(5, 6)
  expect(channel.line).toBeNull()
})
