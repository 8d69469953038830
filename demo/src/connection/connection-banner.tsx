import './connection.css'
import { useLink } from './use-link.ts'

/** Says above the messages that they may be out of date. */
export function ConnectionBanner() {
  const link = useLink()
  if (link !== 'lost') return null
  return (
    <p className="connection-banner" role="alert">
      <strong>Connection lost.</strong> Trying again… New messages appear as soon as it is back.
    </p>
  )
}
