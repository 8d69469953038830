import type { ReactNode } from 'react'
import { Dialog } from './dialog.tsx'
import './drawer.css'

interface DrawerProps {
  readonly side: 'left' | 'right'
  readonly label: string
  readonly onClose: () => void
  readonly children: ReactNode
}

/** What stands at the side of a wide page slides over a narrow one. */
export function Drawer({ side, label, onClose, children }: DrawerProps) {
  return (
    <Dialog label={label} className={`drawer drawer-${side}`} onClose={onClose}>
      {children}
    </Dialog>
  )
}
