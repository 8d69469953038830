import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react'
import { messageOf } from '../api/api.ts'
import { editMessage } from '../api/endpoints.ts'
import type { Message } from '../tables.ts'
import { GrowingTextarea } from './growing-textarea.tsx'
import { textLimit } from './text-limit.ts'
import './message-editor.css'

interface MessageEditorProps {
  readonly message: Message
  readonly onClose: () => void
}

/** Edits a message in its place: Enter saves, Escape leaves it as it was. */
export function MessageEditor({ message, onClose }: MessageEditorProps) {
  const [body, setBody] = useState(message.body)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const field = useRef<HTMLTextAreaElement>(null)
  const errorId = useId()
  const { isOver, note } = textLimit(body)
  const isEmpty = body.trim() === ''

  useEffect(() => {
    field.current?.focus()
    field.current?.setSelectionRange(body.length, body.length)
    field.current?.scrollIntoView({ block: 'nearest' })
    // Once, when it opens.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [])

  async function save() {
    if (busy || isEmpty || isOver) return
    if (body.trim() === message.body) return onClose()
    setBusy(true)
    setError(null)
    try {
      await editMessage(message.id, body)
      onClose()
    } catch (error) {
      setError(messageOf(error))
      setBusy(false)
    }
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Escape') onClose()
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      void save()
    }
  }

  return (
    <div className="message-editor">
      <GrowingTextarea
        ref={field}
        aria-label="Edit message"
        aria-invalid={isOver || error !== null}
        aria-describedby={errorId}
        value={body}
        onChange={(event) => setBody(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <div className="message-editor-actions">
        <button type="button" className="button small" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          className="button small primary"
          disabled={busy || isEmpty || isOver}
          onClick={() => void save()}
        >
          Save
        </button>
        <span
          id={errorId}
          role="alert"
          className={error !== null || isOver ? 'editor-note bad' : 'editor-note'}
        >
          {error ?? note}
        </span>
      </div>
    </div>
  )
}
