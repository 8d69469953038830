import { useLayoutEffect, useRef, type MouseEvent, type ReactNode } from 'react'
import './dialog.css'

interface DialogProps {
  readonly label: string
  readonly className?: string
  readonly onClose: () => void
  readonly children: ReactNode
}

/** The browser's own modal dialog while mounted: it keeps the focus inside, gives it back, and closes with Escape. */
export function Dialog({ label, className = 'dialog', onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  // A layout effect, since it ends before the element is gone: a closing dialog gives the focus back.
  useLayoutEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])

  function closeOnBackdrop({ target, currentTarget }: MouseEvent) {
    if (target === currentTarget) onClose() // the content covers the dialog: only the backdrop is left
  }

  return (
    <dialog
      ref={dialog}
      className={className}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault()
        if (event.target === event.currentTarget) onClose() // not for a dialog that was opened from within
      }}
      onMouseDown={closeOnBackdrop}
    >
      <div className="dialog-content">{children}</div>
    </dialog>
  )
}
