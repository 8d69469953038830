import { useEffect, useState } from 'react'
import { useTable } from 'rowcast/react'
import { ChannelView } from '../channels/channel-view.tsx'
import { NoChannel } from '../channels/no-channel.tsx'
import { Sidebar } from '../channels/sidebar.tsx'
import { useChannelAt } from '../channels/use-channel-at.ts'
import { ConnectionBanner } from '../connection/connection-banner.tsx'
import { DiffPage } from '../diff/diff-page.tsx'
import { Drawer } from '../ui/drawer.tsx'
import { channelHref, useRoute } from '../ui/route.ts'
import { useMediaQuery } from '../ui/use-media-query.ts'
import { lastChannel, rememberChannel } from './last-channel.ts'
import './chat.css'

/** The signed-in page: channels at the side, and what the URL says beside them. */
export function Chat() {
  const route = useRoute()
  const isWide = useMediaQuery('(min-width: 48rem)')
  const [isDrawerOpen, setDrawerOpen] = useState(false)
  const channels = useTable('channel', { orderBy: { name: 'asc' } })

  const { channel, gone } = useChannelAt(route, channels)

  useEffect(() => setDrawerOpen(false), [route, isWide])

  useEffect(() => {
    if (channel) rememberChannel(channel.id)
  }, [channel])

  useEffect(() => {
    if (route.page !== 'home' || channels.status !== 'ready') return
    const last = lastChannel()
    const first =
      channels.data.find(({ id }) => id === last) ??
      channels.data.find(({ name }) => name === 'general') ??
      channels.data[0]
    if (first) window.location.replace(channelHref(first))
  }, [route, channels])

  const openDrawer = isWide ? undefined : () => setDrawerOpen(true)
  const sidebar = <Sidebar channels={channels} active={channel} onNavigate={() => setDrawerOpen(false)} />

  return (
    <div className="chat">
      {isWide && <div className="chat-side">{sidebar}</div>}
      {isDrawerOpen && !isWide && (
        <Drawer side="left" label="Channels" onClose={() => setDrawerOpen(false)}>
          {sidebar}
        </Drawer>
      )}
      <div className="chat-main">
        <ConnectionBanner />
        {route.page === 'diff' ? (
          <DiffPage onOpenMenu={openDrawer} />
        ) : channel ? (
          <ChannelView key={channel.id} channel={channel} onOpenMenu={openDrawer} />
        ) : (
          <NoChannel channels={channels} route={route} gone={gone} onOpenMenu={openDrawer} />
        )}
      </div>
    </div>
  )
}
