import { useId, useState, type FormEvent } from 'react'
import { limits } from '../../limits.ts'
import { messageOf } from '../api/api.ts'
import { createChannel } from '../api/endpoints.ts'
import { Dialog } from '../ui/dialog.tsx'
import { channelHref } from '../ui/route.ts'
import { Switch } from '../ui/switch.tsx'
import { toChannelName } from './channel-name.ts'

interface CreateChannelProps {
  readonly onClose: () => void
  readonly onCreated: () => void
}

export function CreateChannel({ onClose, onCreated }: CreateChannelProps) {
  const [typed, setTyped] = useState('')
  const [topic, setTopic] = useState('')
  const [isPrivate, setPrivate] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const errorId = useId()
  const name = toChannelName(typed)

  async function submit(event: FormEvent) {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      const { id } = await createChannel({ name, topic, isPrivate })
      window.location.hash = channelHref({ id, name, is_private: isPrivate })
      onCreated()
    } catch (error) {
      setError(messageOf(error))
      setBusy(false)
    }
  }

  return (
    <Dialog label="Create a channel" onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <h2>Create a channel</h2>
        <label className="field">
          <span>Name</span>
          <input
            autoFocus
            maxLength={limits.channelNameLength}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            aria-invalid={error !== null}
            aria-describedby={errorId}
          />
          <small>
            {name && name !== typed ? `It will be called #${name}` : 'Letters, digits and hyphens'}
          </small>
        </label>
        <p className="field-error" id={errorId} role="alert">
          {error}
        </p>
        <label className="field">
          <span>Topic (optional)</span>
          <input
            maxLength={limits.topicLength}
            value={topic}
            onChange={(event) => setTopic(event.target.value)}
          />
        </label>
        <Switch
          label="Private"
          hint="Only those whom you invite see it."
          checked={isPrivate}
          onChange={setPrivate}
        />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button className="button primary" disabled={busy || name === ''}>
            Create
          </button>
        </div>
      </form>
    </Dialog>
  )
}
