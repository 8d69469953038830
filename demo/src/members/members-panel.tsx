import { useRef, useState } from 'react'
import { useMe } from '../session/use-session.ts'
import type { Channel, ChatUser } from '../tables.ts'
import { Avatar } from '../ui/avatar.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import { Icon } from '../ui/icon.tsx'
import { LeaveChannel } from './leave-channel.tsx'
import { RemoveMember } from './remove-member.tsx'
import './members.css'
import { useMembers } from './use-members.ts'

interface MembersPanelProps {
  readonly channel: Channel
  readonly onClose: () => void
}

export function MembersPanel({ channel, onClose }: MembersPanelProps) {
  const me = useMe()
  const members = useMembers(channel.id)
  const heading = useRef<HTMLHeadingElement>(null)
  const [removing, setRemoving] = useState<ChatUser | null>(null)
  const [isLeaving, setLeaving] = useState(false)
  const isOwner = channel.is_private && channel.owner_id === me.id
  return (
    <aside className="members" aria-label="Members">
      <header className="page-header">
        <h2 ref={heading} tabIndex={-1} className="page-header-title">
          Members
        </h2>
        <IconButton icon="close" label="Close the members" onClick={onClose} />
      </header>
      <ul className="members-list">
        {members?.map((member) => (
          <li key={member.id} className="member">
            <Avatar id={member.id} name={member.name} size={30} />
            <span className="member-name">{member.name}</span>
            {member.id === me.id && <span className="tag">you</span>}
            {member.id === channel.owner_id && <span className="tag">owner</span>}
            {member.is_system && <span className="tag">system</span>}
            {isOwner && member.id !== me.id && (
              <IconButton
                icon="close"
                iconSize={16}
                className="member-remove"
                label={`Remove ${member.name}`}
                onClick={() => setRemoving(member)}
              />
            )}
          </li>
        ))}
      </ul>
      {channel.is_private && (
        <footer className="members-footer">
          <button type="button" className="button" onClick={() => setLeaving(true)}>
            <Icon name="signOut" size={18} />
            Leave channel
          </button>
        </footer>
      )}
      {removing && (
        <RemoveMember
          channel={channel}
          member={removing}
          onClose={() => setRemoving(null)}
          onRemoved={() => heading.current?.focus()}
        />
      )}
      {isLeaving && (
        <LeaveChannel channel={channel} isLast={members?.length === 1} onClose={() => setLeaving(false)} />
      )}
    </aside>
  )
}
