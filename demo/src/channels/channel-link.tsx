import type { Channel } from '../tables.ts'
import { Icon } from '../ui/icon.tsx'
import { channelHref } from '../ui/route.ts'

interface ChannelLinkProps {
  readonly channel: Channel
  readonly isActive?: boolean
  /** How many messages wait, up to `maxUnread`. */
  readonly unread?: number
  readonly onNavigate: () => void
}

/** From here on, "many" is all that one wants to know. */
export const maxUnread = 100

export function ChannelLink({ channel, isActive = false, unread = 0, onNavigate }: ChannelLinkProps) {
  const count = unread >= maxUnread ? `${maxUnread - 1}+` : String(unread)
  return (
    <a
      className={unread > 0 ? 'sidebar-link unread' : 'sidebar-link'}
      href={channelHref(channel)}
      aria-current={isActive ? 'page' : undefined}
      onClick={onNavigate}
    >
      <Icon name={channel.is_private ? 'lock' : 'hash'} size={18} />
      <span className="sidebar-link-name">
        {channel.name}
        {channel.is_private && <span className="visually-hidden"> (private)</span>}
      </span>
      {unread > 0 && (
        <span className="unread-badge">
          {count}
          <span className="visually-hidden"> unread</span>
        </span>
      )}
    </a>
  )
}
