import { Icon } from '../ui/icon.tsx'
import './members.css'
import { useMembers } from './use-members.ts'

interface MembersButtonProps {
  readonly channelId: number
  readonly isOpen: boolean
  readonly onClick: () => void
}

export function MembersButton({ channelId, isOpen, onClick }: MembersButtonProps) {
  const count = useMembers(channelId)?.length
  const label = count === undefined ? 'Members' : `Members: ${count}`
  return (
    <button
      type="button"
      className="icon-button members-button"
      aria-label={label}
      aria-expanded={isOpen}
      title={label}
      onClick={onClick}
    >
      <Icon name="users" />
      {count !== undefined && <span>{count}</span>}
    </button>
  )
}
