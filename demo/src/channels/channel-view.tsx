import { useEffect, useState } from 'react'
import { messageOf } from '../api/api.ts'
import { joinChannel } from '../api/endpoints.ts'
import { useMyMemberships } from '../chat/use-my-memberships.ts'
import { InvitePeople } from '../members/invite-people.tsx'
import { MembersButton } from '../members/members-button.tsx'
import { MembersPanel } from '../members/members-panel.tsx'
import { Conversation } from '../messages/conversation.tsx'
import { useMe } from '../session/use-session.ts'
import type { Channel } from '../tables.ts'
import { Drawer } from '../ui/drawer.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import { Icon } from '../ui/icon.tsx'
import { useMediaQuery } from '../ui/use-media-query.ts'
import './channel-view.css'

interface ChannelViewProps {
  readonly channel: Channel
  readonly onOpenMenu: (() => void) | undefined
}

/** One channel. A public one is joined by opening it. */
export function ChannelView({ channel, onOpenMenu }: ChannelViewProps) {
  const me = useMe()
  const memberships = useMyMemberships()
  const membership = memberships?.get(channel.id)
  const mustJoin = memberships !== null && !membership && !channel.is_private
  const [joinError, setJoinError] = useState<string | null>(null)
  const hasRoom = useMediaQuery('(min-width: 68rem)')
  const [isMembersOpen, setMembersOpen] = useState(false)
  const [isInviting, setInviting] = useState(false)

  useEffect(() => {
    document.title = `#${channel.name} · Rowcast chat`
  }, [channel.name])

  useEffect(() => {
    if (!mustJoin) return
    joinChannel(channel.id).then(
      () => setJoinError(null),
      (error: unknown) => setJoinError(`You could not join #${channel.name}. ${messageOf(error)}`),
    )
  }, [mustJoin, channel.id, channel.name])

  const isOwner = channel.is_private && channel.owner_id === me.id
  const line = channel.topic || (channel.is_private ? 'Only its members see it' : '')
  const members = <MembersPanel channel={channel} onClose={() => setMembersOpen(false)} />

  return (
    <div className="channel">
      <main className="channel-main">
        <header className="page-header">
          {onOpenMenu && <IconButton icon="menu" label="Open the channels" onClick={onOpenMenu} />}
          <div className="page-header-title">
            <h1>
              <ChannelSign isPrivate={channel.is_private} />
              {channel.name}
            </h1>
            {line !== '' && <p title={line}>{line}</p>}
          </div>
          {isOwner && <IconButton icon="userPlus" label="Invite people" onClick={() => setInviting(true)} />}
          <MembersButton
            channelId={channel.id}
            isOpen={isMembersOpen}
            onClick={() => setMembersOpen((isOpen) => !isOpen)}
          />
        </header>
        {joinError !== null && (
          <p className="problem channel-problem" role="alert">
            {joinError}
          </p>
        )}
        <Conversation channel={channel} membership={membership} />
      </main>
      {isMembersOpen && hasRoom && <div className="channel-side">{members}</div>}
      {isMembersOpen && !hasRoom && (
        <Drawer side="right" label="Members" onClose={() => setMembersOpen(false)}>
          {members}
        </Drawer>
      )}
      {isInviting && <InvitePeople channel={channel} onClose={() => setInviting(false)} />}
    </div>
  )
}

function ChannelSign({ isPrivate }: { isPrivate: boolean }) {
  if (!isPrivate)
    return (
      <span className="hash" aria-hidden="true">
        #
      </span>
    )
  return (
    <span className="hash">
      <Icon name="lock" size={16} />
      <span className="visually-hidden">Private channel </span>
    </span>
  )
}
