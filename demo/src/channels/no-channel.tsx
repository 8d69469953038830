import { useEffect } from 'react'
import type { TableResult } from '../chat/table-result.ts'
import type { Channel } from '../tables.ts'
import { IconButton } from '../ui/icon-button.tsx'
import { channelHref, type Route } from '../ui/route.ts'
import './no-channel.css'

interface NoChannelProps {
  readonly channels: TableResult<'channel'>
  readonly route: Route
  /** The channel that was shown here until it went from sight. */
  readonly gone: Channel | undefined
  readonly onOpenMenu: (() => void) | undefined
}

/** Where there is no channel to show: not yet, none at all, none at this address, or none any more. */
export function NoChannel({ onOpenMenu, ...rest }: NoChannelProps) {
  useEffect(() => {
    document.title = 'Rowcast chat'
  }, [])
  return (
    <main className="no-channel">
      {onOpenMenu && (
        <header className="page-header">
          <IconButton icon="menu" label="Open the channels" onClick={onOpenMenu} />
        </header>
      )}
      <NoChannelMessage {...rest} />
    </main>
  )
}

function NoChannelMessage({ channels, route, gone }: Omit<NoChannelProps, 'onOpenMenu'>) {
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
  const next = channels.data.find(({ name }) => name === 'general') ?? channels.data[0]
  if (gone?.is_private)
    return (
      <div className="empty" role="alert">
        <h2>You are no longer in #{gone.name}</h2>
        <p>What is written there is for its members only.</p>
        <GoTo channel={next} />
      </div>
    )
  if (!next)
    return (
      <div className="empty">
        <h2>It is quiet here</h2>
        <p>There is no channel yet. Create the first one with the plus beside “Channels”.</p>
      </div>
    )
  if (route.page === 'channel')
    return (
      <div className="empty late">
        <h2>There is no channel #{route.name}</h2>
        <p>It may have been renamed or deleted.</p>
        <GoTo channel={next} />
      </div>
    )
  if (route.page === 'private_channel')
    return (
      <div className="empty late">
        <h2>There is nothing here for you</h2>
        <p>This channel is private and you are not in it, or it does not exist.</p>
        <GoTo channel={next} />
      </div>
    )
  return null // the chat is on its way to a channel
}

function GoTo({ channel }: { channel: Channel | undefined }) {
  if (!channel) return null
  return (
    <a className="button" href={channelHref(channel)}>
      Go to #{channel.name}
    </a>
  )
}
