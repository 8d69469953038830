import { leaveChannel } from '../api/endpoints.ts'
import type { Channel } from '../tables.ts'
import { ConfirmDialog } from '../ui/confirm-dialog.tsx'

interface LeaveChannelProps {
  readonly channel: Channel
  readonly isLast: boolean
  readonly onClose: () => void
}

export function LeaveChannel({ channel, isLast, onClose }: LeaveChannelProps) {
  return (
    <ConfirmDialog
      label="Leave channel"
      question={`Leave #${channel.name}?`}
      action="Leave"
      onConfirm={() => leaveChannel(channel.id)}
      onClose={onClose}
    >
      <p>
        {isLast
          ? 'You are the last one here: the channel and all its messages are deleted, for good.'
          : 'You no longer see it, and come back only if you are invited again.'}
      </p>
    </ConfirmDialog>
  )
}
