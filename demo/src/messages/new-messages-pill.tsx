import { useState } from 'react'
import type { Message } from '../tables.ts'
import { Icon } from '../ui/icon.tsx'
import './new-messages-pill.css'

interface NewMessagesPillProps {
  readonly messages: readonly Message[]
  readonly myId: number
  readonly isAtBottom: boolean
  readonly onClick: () => void
}

/** The way back down for whoever has scrolled up, with what has come since they left the bottom. */
export function NewMessagesPill({ messages, myId, isAtBottom, onClick }: NewMessagesPillProps) {
  const newestId = messages.at(-1)?.id ?? 0
  const [seenId, setSeenId] = useState(newestId)
  if (isAtBottom && seenId !== newestId) setSeenId(newestId)
  if (isAtBottom) return null
  const count = messages.filter((message) => message.id > seenId && message.author_id !== myId).length
  return (
    <button type="button" className={count > 0 ? 'pill news' : 'pill'} onClick={onClick}>
      <Icon name="arrowDown" size={16} />
      <span role="status">
        {count === 0 ? 'Latest messages' : count === 1 ? '1 new message' : `${count} new messages`}
      </span>
    </button>
  )
}
