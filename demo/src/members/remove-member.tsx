import { removeMember } from '../api/endpoints.ts'
import type { Channel, ChatUser } from '../tables.ts'
import { ConfirmDialog } from '../ui/confirm-dialog.tsx'

interface RemoveMemberProps {
  readonly channel: Channel
  readonly member: ChatUser
  readonly onClose: () => void
  readonly onRemoved: () => void
}

export function RemoveMember({ channel, member, onClose, onRemoved }: RemoveMemberProps) {
  return (
    <ConfirmDialog
      label="Remove member"
      question={`Remove ${member.name} from #${channel.name}?`}
      action="Remove"
      onConfirm={() => removeMember(channel.id, member.id)}
      onClose={onClose}
      onDone={onRemoved}
    >
      <p>The channel disappears from their page at once. You can invite them again.</p>
    </ConfirmDialog>
  )
}
