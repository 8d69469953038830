import type { Message } from '../tables.ts'

/** A message and what stands before it. */
export interface TimelineEntry {
  readonly message: Message
  /** The first of its day: the day is written above it. */
  readonly startsDay: boolean
  /** The first of a run by one author: who and when is written above it. */
  readonly startsGroup: boolean
  /** The first that was unread when the person came. */
  readonly startsUnread: boolean
}

const groupPauseMs = 5 * 60_000

/**
 * Where days, runs of one author and the unread messages begin.
 *
 * @param messages oldest first
 * @param unreadAfter the id up to which the person had read; null if nothing is to be marked
 */
export function layTimeline(
  messages: readonly Message[],
  unreadAfter: number | null,
  myId: number,
): TimelineEntry[] {
  let previous: Message | undefined
  let isMarked = unreadAfter === null
  return messages.map((message) => {
    const startsDay = !previous || !isSameDay(previous.created_at, message.created_at)
    const startsUnread = !isMarked && message.id > (unreadAfter ?? 0) && message.author_id !== myId
    isMarked ||= startsUnread
    const startsGroup =
      startsDay ||
      startsUnread ||
      previous?.author_id !== message.author_id ||
      Date.parse(message.created_at) - Date.parse(previous.created_at) > groupPauseMs
    previous = message
    return { message, startsDay, startsGroup, startsUnread }
  })
}

/** By the reader's calendar. */
function isSameDay(a: string, b: string): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString()
}
