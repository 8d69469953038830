import { Fragment, useEffect, useImperativeHandle, useMemo, useRef, useState, type Ref } from 'react'
import { usePeople } from '../chat/use-people.ts'
import { useMe } from '../session/use-session.ts'
import type { Channel, Membership } from '../tables.ts'
import { usePageVisible } from '../ui/use-page-visible.ts'
import { ChannelStart } from './channel-start.tsx'
import { DeleteMessage } from './delete-message.tsx'
import { MessageItem } from './message-item.tsx'
import { NewMessagesPill } from './new-messages-pill.tsx'
import { DayLine, UnreadLine } from './separators.tsx'
import { layTimeline } from './timeline.ts'
import { useFollowBottom } from './use-follow-bottom.ts'
import type { MessageWindow } from './use-message-window.ts'
import { useReadMark } from './use-read-mark.ts'
import { useUnreadLine } from './use-unread-line.ts'
import './message-list.css'

export interface MessageListHandle {
  toBottom(): void
  /** The person's last message among those shown. */
  lastOwnId(): number | undefined
}

interface MessageListProps {
  readonly channel: Channel
  readonly membership: Membership | undefined
  readonly window: Extract<MessageWindow, { status: 'ready' }>
  readonly editingId: number | null
  readonly onEdit: (messageId: number | null) => void
  readonly onDeleted: () => void
  readonly ref: Ref<MessageListHandle>
}

export function MessageList(props: MessageListProps) {
  const { channel, membership, window, editingId, onEdit, onDeleted, ref } = props
  const { messages, hasOlder, isLoadingOlder, loadOlder } = window
  const me = useMe()
  const people = usePeople()
  const isVisible = usePageVisible()
  const newestId = messages.at(-1)?.id ?? 0
  const unreadAfter = useUnreadLine(membership, newestId)
  const [deletingId, setDeletingId] = useState<number | null>(null)
  const entries = useMemo(() => layTimeline(messages, unreadAfter, me.id), [messages, unreadAfter, me.id])
  const { scroller, content, isAtBottom, onScroll, toBottom } = useFollowBottom(
    entries,
    '.message',
    '.unread-line',
  )
  useReadMark(membership, newestId, isAtBottom && isVisible)

  useImperativeHandle(ref, () => ({
    toBottom,
    lastOwnId: () => messages.findLast((message) => message.author_id === me.id)?.id,
  }))

  // Asks for older messages before the reader gets to the top of those that are here.
  const top = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!top.current || !hasOlder || isLoadingOlder) return
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && loadOlder(), {
      root: scroller.current,
      rootMargin: '600px 0px 0px',
    })
    observer.observe(top.current)
    return () => observer.disconnect()
  }, [hasOlder, isLoadingOlder, loadOlder, scroller])

  // Up here the mark stands still, so what is after it has not been seen.
  const lastRead = membership?.last_read_message_id ?? newestId
  const unread = messages.filter(({ id, author_id }) => id > lastRead && author_id !== me.id).length
  const deleting = messages.find((message) => message.id === deletingId)

  return (
    <div className="message-list">
      <div
        ref={scroller}
        className="message-scroller"
        role="log"
        aria-label={`Messages in #${channel.name}`}
        aria-busy={isLoadingOlder}
        tabIndex={0}
        onScroll={onScroll}
      >
        <div ref={top} className="message-top">
          {hasOlder ? (
            <p role="status">Loading older messages…</p>
          ) : (
            <ChannelStart channel={channel} isEmpty={messages.length === 0} />
          )}
        </div>
        <ol ref={content} className="messages">
          {entries.map(({ message, startsDay, startsGroup, startsUnread }) => (
            <Fragment key={message.id}>
              {startsDay && <DayLine at={message.created_at} />}
              {startsUnread && <UnreadLine />}
              <MessageItem
                message={message}
                author={people.get(message.author_id)?.name ?? ''}
                isOwn={message.author_id === me.id}
                startsGroup={startsGroup}
                isEditing={editingId === message.id}
                onEdit={onEdit}
                onDelete={setDeletingId}
              />
            </Fragment>
          ))}
        </ol>
      </div>
      {!isAtBottom && <NewMessagesPill unread={unread} onClick={toBottom} />}
      {deleting && (
        <DeleteMessage message={deleting} onClose={() => setDeletingId(null)} onDeleted={onDeleted} />
      )}
    </div>
  )
}
