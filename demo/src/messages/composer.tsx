import { useEffect, useId, useRef, useState, type KeyboardEvent, type Ref } from 'react'
import { messageOf } from '../api/api.ts'
import type { Channel } from '../tables.ts'
import { IconButton } from '../ui/icon-button.tsx'
import { loadDraft, saveDraft } from './drafts.ts'
import { GrowingTextarea } from './growing-textarea.tsx'
import { sendAsMember } from './send-as-member.ts'
import { textLimit } from './text-limit.ts'
import './composer.css'

interface ComposerProps {
  readonly channel: Channel
  readonly field: Ref<HTMLTextAreaElement>
  readonly onSend: () => void
  readonly onEditLast: () => void
}

/**
 * Where a message is written. The field is free again at once; messages leave one after the other, in the
 * order of writing. One that cannot be sent comes back, with the reason.
 */
export function Composer({ channel, field, onSend, onEditLast }: ComposerProps) {
  const [text, setText] = useState(() => loadDraft(channel.id))
  const [error, setError] = useState<string | null>(null)
  const [waiting, setWaiting] = useState(0)
  const queue = useRef(Promise.resolve())
  const noteId = useId()
  const { isOver, note } = textLimit(text)
  const canSend = text.trim() !== '' && !isOver

  useEffect(() => saveDraft(channel.id, text), [channel.id, text])

  function send() {
    if (!canSend) return
    const body = text.trim()
    setText('')
    setError(null)
    setWaiting((waiting) => waiting + 1)
    onSend()
    queue.current = queue.current
      .then(() => sendAsMember(channel.id, body))
      .catch((error: unknown) => {
        setText((text) => (text === '' ? body : `${body}\n${text}`))
        setError(messageOf(error))
      })
      .finally(() => setWaiting((waiting) => waiting - 1))
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      send()
    }
    if (event.key === 'ArrowUp' && text === '') {
      event.preventDefault()
      onEditLast()
    }
  }

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <div className="composer-box">
        <GrowingTextarea
          ref={field}
          placeholder={`Message #${channel.name}`}
          aria-label={`Message #${channel.name}`}
          aria-invalid={isOver}
          aria-describedby={noteId}
          enterKeyHint="send"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <IconButton icon="send" label="Send" type="submit" disabled={!canSend} />
      </div>
      <p
        id={noteId}
        className={error !== null || isOver ? 'composer-note bad' : 'composer-note'}
        role="status"
      >
        {error ?? note ?? (waiting > 0 ? <span className="late">Sending…</span> : null)}
      </p>
    </form>
  )
}
