import { useState } from 'react'
import type { TableResult } from '../chat/table-result.ts'
import { ConnectionIndicator } from '../connection/connection-indicator.tsx'
import { signOut } from '../session/session.ts'
import { useMe } from '../session/use-session.ts'
import type { Channel } from '../tables.ts'
import { Avatar } from '../ui/avatar.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import { Icon } from '../ui/icon.tsx'
import { Logo } from '../ui/logo.tsx'
import { diffHref, useRoute } from '../ui/route.ts'
import { ThemeToggle } from '../ui/theme-toggle.tsx'
import { ChannelList } from './channel-list.tsx'
import { CreateChannel } from './create-channel.tsx'
import './sidebar.css'

interface SidebarProps {
  readonly channels: TableResult<'channel'>
  readonly active: Channel | undefined
  /** Called when the person has gone somewhere, also to where they are. */
  readonly onNavigate: () => void
}

export function Sidebar({ channels, active, onNavigate }: SidebarProps) {
  const me = useMe()
  const route = useRoute()
  const [isCreating, setCreating] = useState(false)

  return (
    <nav className="sidebar" aria-label="Channels">
      <header className="sidebar-header">
        <Logo />
        <span className="sidebar-title">Rowcast chat</span>
        <ConnectionIndicator />
      </header>

      <div className="sidebar-scroll">
        <div className="sidebar-heading">
          <h2>Channels</h2>
          <IconButton icon="plus" iconSize={18} label="Create a channel" onClick={() => setCreating(true)} />
        </div>
        <ChannelList channels={channels} active={active} onNavigate={onNavigate} />

        <div className="sidebar-heading">
          <h2>Behind the page</h2>
        </div>
        <a
          className="sidebar-link"
          href={diffHref}
          aria-current={route.page === 'diff' ? 'page' : undefined}
          onClick={onNavigate}
        >
          <Icon name="table" size={18} />
          <span className="sidebar-link-name">Table changes</span>
        </a>
      </div>

      <footer className="sidebar-footer">
        <Avatar id={me.id} name={me.name} size={34} />
        <span className="sidebar-me" title={`Signed in as ${me.name}`}>
          {me.name}
        </span>
        <ThemeToggle />
        <IconButton icon="signOut" label="Sign out" onClick={() => signOut()} />
      </footer>

      {isCreating && (
        <CreateChannel
          onClose={() => setCreating(false)}
          onCreated={() => {
            setCreating(false)
            onNavigate()
          }}
        />
      )}
    </nav>
  )
}
