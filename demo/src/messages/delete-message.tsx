import { useState } from 'react'
import { flushSync } from 'react-dom'
import { messageOf } from '../api/api.ts'
import { deleteMessage } from '../api/endpoints.ts'
import type { Message } from '../tables.ts'
import { Dialog } from '../ui/dialog.tsx'
import './delete-message.css'

interface DeleteMessageProps {
  readonly message: Message
  readonly onClose: () => void
  readonly onDeleted: () => void
}

/** Asks once more: there is no way back. */
export function DeleteMessage({ message, onClose, onDeleted }: DeleteMessageProps) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)

  async function confirm() {
    setBusy(true)
    setError(null)
    try {
      await deleteMessage(message.id)
      flushSync(onClose) // while the dialog is there, nothing else can have the focus
      onDeleted()
    } catch (error) {
      setError(messageOf(error))
      setBusy(false)
    }
  }

  return (
    <Dialog label="Delete message" onClose={onClose}>
      <h2>Delete this message?</h2>
      <p>It disappears for everybody, for good.</p>
      <blockquote className="delete-quote">{message.body}</blockquote>
      <p className="field-error" role="alert">
        {error}
      </p>
      <div className="dialog-actions">
        <button type="button" className="button" autoFocus onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button danger" disabled={busy} onClick={() => void confirm()}>
          Delete
        </button>
      </div>
    </Dialog>
  )
}
