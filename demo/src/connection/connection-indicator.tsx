import './connection.css'
import { useLink, type Link } from './use-link.ts'

const words: Record<Link, string> = {
  connecting: 'Connecting',
  live: 'Live',
  behind: 'Updating',
  lost: 'Offline',
}

/** Whether what one sees is what the database says now. */
export function ConnectionIndicator() {
  const link = useLink()
  return (
    <span className={`connection ${link}`} role="status" aria-label="Connection">
      {words[link]}
    </span>
  )
}
