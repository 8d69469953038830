import { Icon } from '../ui/icon.tsx'
import './new-messages-pill.css'

/** The way back down for whoever has scrolled up, with how much waits there unread. */
export function NewMessagesPill({ unread, onClick }: { unread: number; onClick: () => void }) {
  return (
    <div className="pill-place" role="status">
      <button type="button" className={unread > 0 ? 'pill news' : 'pill'} onClick={onClick}>
        <Icon name="arrowDown" size={16} />
        {unread === 0 ? 'Latest messages' : unread === 1 ? '1 new message' : `${unread} new messages`}
      </button>
    </div>
  )
}
