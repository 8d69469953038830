import type { Channel } from '../tables.ts'
import { Icon } from '../ui/icon.tsx'
import './channel-start.css'

/** Stands above the first message, and alone where nobody has written yet. */
export function ChannelStart({ channel, isEmpty }: { channel: Channel; isEmpty: boolean }) {
  return (
    <div className="channel-start">
      <span className="channel-start-icon">
        <Icon name={channel.is_private ? 'lock' : 'hash'} size={26} />
      </span>
      <h2>{channel.name}</h2>
      <p>
        This is where #{channel.name} begins.{channel.topic && ` ${channel.topic}.`}
        {channel.is_private && ' Only its members see it.'}
        {isEmpty && ' Nobody has written yet: be the first.'}
      </p>
    </div>
  )
}
