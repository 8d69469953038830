import { deleteMessage } from '../api/endpoints.ts'
import type { Message } from '../tables.ts'
import { ConfirmDialog } from '../ui/confirm-dialog.tsx'
import './delete-message.css'

interface DeleteMessageProps {
  readonly message: Message
  readonly onClose: () => void
  readonly onDeleted: () => void
}

/** Asks once more: there is no way back. */
export function DeleteMessage({ message, onClose, onDeleted }: DeleteMessageProps) {
  return (
    <ConfirmDialog
      label="Delete message"
      question="Delete this message?"
      action="Delete"
      onConfirm={() => deleteMessage(message.id)}
      onClose={onClose}
      onDone={onDeleted}
    >
      <p>It disappears for everybody, for good.</p>
      <blockquote className="delete-quote">{message.body}</blockquote>
    </ConfirmDialog>
  )
}
