import { useCallback, useEffect, useRef, useState } from 'react'
import type { Channel, Membership } from '../tables.ts'
import { Composer } from './composer.tsx'
import { MessageList, type MessageListHandle } from './message-list.tsx'
import { useMessageWindow } from './use-message-window.ts'
import './conversation.css'

interface ConversationProps {
  readonly channel: Channel
  readonly membership: Membership | undefined
}

/** A channel's messages and the place to write one. */
export function Conversation({ channel, membership }: ConversationProps) {
  const messages = useMessageWindow(channel.id)
  const list = useRef<MessageListHandle>(null)
  const field = useRef<HTMLTextAreaElement>(null)
  const [editingId, setEditingId] = useState<number | null>(null)

  const focusField = useCallback(() => {
    // On a phone this would bring up the keyboard over what one reads.
    if (window.matchMedia('(hover: hover)').matches) field.current?.focus()
  }, [])
  const edit = useCallback(
    (messageId: number | null) => {
      setEditingId(messageId)
      if (messageId === null) focusField()
    },
    [focusField],
  )
  useEffect(focusField, [focusField])

  return (
    <>
      {messages.status === 'loading' && <LoadingMessages />}
      {messages.status === 'error' && (
        <div className="empty conversation-fill" role="alert">
          <h2>The messages cannot be shown</h2>
          <p>{messages.message}</p>
        </div>
      )}
      {messages.status === 'ready' && (
        <MessageList
          ref={list}
          channel={channel}
          membership={membership}
          window={messages}
          editingId={editingId}
          onEdit={edit}
          onDeleted={focusField}
        />
      )}
      <Composer
        channel={channel}
        field={field}
        onSend={() => list.current?.toBottom()}
        onEditLast={() => setEditingId(list.current?.lastOwnId() ?? null)}
      />
    </>
  )
}

function LoadingMessages() {
  return (
    <div className="conversation-fill conversation-loading late" role="status" aria-label="Loading messages">
      {[62, 38, 75, 50].map((width) => (
        <div
          key={width}
          className="message-skeleton"
          style={{ '--width': `${width}%` } as React.CSSProperties}
        />
      ))}
    </div>
  )
}
