import type { TableResult } from '../chat/table-result.ts'
import { IconButton } from '../ui/icon-button.tsx'
import { channelHref } from '../ui/route.ts'
import './no-channel.css'

interface NoChannelProps {
  readonly channels: TableResult<'channel'>
  /** The name that the URL gives, if any. */
  readonly name: string | undefined
  readonly onOpenMenu: (() => void) | undefined
}

/** Where there is no channel to show: not yet, none at all, or none of that name. */
export function NoChannel({ channels, name, onOpenMenu }: NoChannelProps) {
  return (
    <main className="no-channel">
      {onOpenMenu && (
        <header className="page-header">
          <IconButton icon="menu" label="Open the channels" onClick={onOpenMenu} />
        </header>
      )}
      <NoChannelMessage channels={channels} name={name} />
    </main>
  )
}

function NoChannelMessage({ channels, name }: Pick<NoChannelProps, 'channels' | 'name'>) {
  if (channels.status === 'loading')
    return (
      <p className="empty late" role="status">
        Loading the chat…
      </p>
    )
  if (channels.status === 'error')
    return (
      <div className="empty" role="alert">
        <h2>The channels cannot be shown</h2>
        <p>{channels.error.message}</p>
      </div>
    )
  const first = channels.data[0]
  if (!first)
    return (
      <div className="empty">
        <h2>It is quiet here</h2>
        <p>There is no channel yet. Create the first one with the plus beside “Channels”.</p>
      </div>
    )
  if (name === undefined) return null // the chat is on its way to a channel
  return (
    <div className="empty late">
      <h2>There is no channel #{name}</h2>
      <p>It may have been renamed or deleted.</p>
      <a className="button" href={channelHref(first.name)}>
        Go to #{first.name}
      </a>
    </div>
  )
}
