import { formatDay } from './format-time.ts'
import './separators.css'

export function DayLine({ at }: { at: string }) {
  return (
    <li className="day-line">
      <time dateTime={at}>{formatDay(at)}</time>
    </li>
  )
}

/** What follows came while the person was away. */
export function UnreadLine() {
  return (
    <li className="unread-line">
      <span>New</span>
    </li>
  )
}
