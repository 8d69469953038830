import { useState, type ReactNode } from 'react'
import { flushSync } from 'react-dom'
import { messageOf } from '../api/api.ts'
import { Dialog } from './dialog.tsx'

interface ConfirmDialogProps {
  readonly label: string
  readonly question: string
  /** What will be, if the person says yes. */
  readonly children: ReactNode
  /** The word on the button. */
  readonly action: string
  readonly onConfirm: () => Promise<unknown>
  readonly onClose: () => void
  /** Called when it is done and the dialog is gone. */
  readonly onDone?: () => void
}

/** Asks once more before what cannot simply be taken back. If it fails, says why and stays. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { label, question, children, action, onConfirm, onClose, onDone } = props
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)

  async function confirm() {
    setBusy(true)
    setError(null)
    try {
      await onConfirm()
      flushSync(onClose) // while the dialog is there, nothing else can have the focus
      onDone?.()
    } catch (error) {
      setError(messageOf(error))
      setBusy(false)
    }
  }

  return (
    <Dialog label={label} onClose={onClose}>
      <h2>{question}</h2>
      {children}
      <p className="field-error" role="alert">
        {error}
      </p>
      <div className="dialog-actions">
        <button type="button" className="button" autoFocus onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button danger" disabled={busy} onClick={() => void confirm()}>
          {action}
        </button>
      </div>
    </Dialog>
  )
}
