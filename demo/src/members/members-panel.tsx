import { useMe } from '../session/use-session.ts'
import { Avatar } from '../ui/avatar.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import './members.css'
import { useMembers } from './use-members.ts'

interface MembersPanelProps {
  readonly channelId: number
  readonly onClose: () => void
}

export function MembersPanel({ channelId, onClose }: MembersPanelProps) {
  const me = useMe()
  const members = useMembers(channelId)
  return (
    <aside className="members" aria-label="Members">
      <header className="page-header">
        <h2 className="page-header-title">Members</h2>
        <IconButton icon="close" label="Close the members" onClick={onClose} />
      </header>
      <ul className="members-list">
        {members?.map((member) => (
          <li key={member.id} className="member">
            <Avatar id={member.id} name={member.name} size={30} />
            <span className="member-name">{member.name}</span>
            {member.id === me.id && <span className="tag">you</span>}
            {member.is_system && <span className="tag">system</span>}
          </li>
        ))}
      </ul>
    </aside>
  )
}
