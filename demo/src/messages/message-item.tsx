import { memo } from 'react'
import type { Message } from '../tables.ts'
import { Avatar } from '../ui/avatar.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import { formatFull, formatTime } from './format-time.ts'
import { MessageEditor } from './message-editor.tsx'
import { MessageText } from './message-text.tsx'
import './message-item.css'

interface MessageItemProps {
  readonly message: Message
  /** Empty until known. */
  readonly author: string
  readonly isOwn: boolean
  readonly startsGroup: boolean
  readonly isEditing: boolean
  readonly onEdit: (messageId: number | null) => void
  readonly onDelete: (messageId: number) => void
}

/**
 * One message. Rowcast hands out the same object as long as a row is the same, so with `memo` a change to
 * one message renders this one and no other.
 */
export const MessageItem = memo(function MessageItem(props: MessageItemProps) {
  const { message, author, isOwn, startsGroup, isEditing, onEdit, onDelete } = props
  return (
    // Where nothing hovers, a tap focuses one's own message and so brings out what can be done with it.
    <li
      className={startsGroup ? 'message starts-group' : 'message'}
      data-message={message.id}
      tabIndex={isOwn ? -1 : undefined}
    >
      <div className="message-gutter">
        {startsGroup ? (
          <Avatar id={message.author_id} name={author} />
        ) : (
          <MessageTime className="message-side-time" at={message.created_at} />
        )}
      </div>
      <article className="message-content" aria-label={`${author}, ${formatTime(message.created_at)}`}>
        {startsGroup && (
          <header className="message-header">
            <span className="message-author">{author}</span>
            <MessageTime className="message-time" at={message.created_at} />
          </header>
        )}
        {isEditing ? (
          <MessageEditor message={message} onClose={() => onEdit(null)} />
        ) : (
          <p className="message-body">
            <MessageText body={message.body} />
            {message.edited_at !== null && (
              <span className="message-edited" title={`Edited ${formatFull(message.edited_at)}`}>
                (edited)
              </span>
            )}
          </p>
        )}
      </article>
      {isOwn && !isEditing && (
        <div className="message-actions" role="group" aria-label="Your message">
          <IconButton icon="pencil" iconSize={17} label="Edit message" onClick={() => onEdit(message.id)} />
          <IconButton
            icon="trash"
            iconSize={17}
            label="Delete message"
            onClick={() => onDelete(message.id)}
          />
        </div>
      )}
    </li>
  )
})

function MessageTime({ at, className }: { at: string; className: string }) {
  return (
    <time className={className} dateTime={at} title={formatFull(at)}>
      {formatTime(at)}
    </time>
  )
}
