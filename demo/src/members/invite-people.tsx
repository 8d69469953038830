import { useId, useRef, useState } from 'react'
import { limits } from '../../limits.ts'
import { messageOf } from '../api/api.ts'
import { inviteMember } from '../api/endpoints.ts'
import { usePeople } from '../chat/use-people.ts'
import type { Channel, ChatUser } from '../tables.ts'
import { Avatar } from '../ui/avatar.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { useMembers } from './use-members.ts'
import './invite-people.css'

interface InvitePeopleProps {
  readonly channel: Channel
  readonly onClose: () => void
}

/** Whoever is not among so many is found by typing. */
const maxShown = 30

/** Finds people by name and lets them into a private channel. Who is in it is live here too. */
export function InvitePeople({ channel, onClose }: InvitePeopleProps) {
  const people = usePeople()
  const members = useMembers(channel.id)
  const field = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState('')
  const [invited, setInvited] = useState('')
  const [error, setError] = useState<string | null>(null)
  const errorId = useId()
  const memberIds = new Set(members?.map(({ id }) => id))
  const found = findPeople([...people.values()], typed)

  async function invite({ id, name }: ChatUser) {
    setError(null)
    try {
      await inviteMember(channel.id, id)
      setInvited(`${name} is in #${channel.name} now.`)
      field.current?.focus() // the button goes
      field.current?.select()
    } catch (error) {
      setError(messageOf(error))
    }
  }

  return (
    <Dialog label="Invite people" onClose={onClose}>
      <h2>Invite people to #{channel.name}</h2>
      <p>They see everything that is written here, also what was written before.</p>
      <label className="field">
        <span>Name</span>
        <input
          ref={field}
          autoFocus
          autoComplete="off"
          maxLength={limits.userNameLength}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          aria-describedby={errorId}
        />
      </label>
      <ul className="invite-list" aria-label="People">
        {found.slice(0, maxShown).map((person) => (
          <li key={person.id} className="member">
            <Avatar id={person.id} name={person.name} size={30} />
            <span className="member-name">{person.name}</span>
            {memberIds.has(person.id) ? (
              <span className="tag">member</span>
            ) : (
              <button
                type="button"
                className="button small"
                aria-label={`Invite ${person.name}`}
                onClick={() => void invite(person)}
              >
                Invite
              </button>
            )}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="invite-note">Nobody here is called “{typed.trim()}”.</p>}
      {found.length > maxShown && <p className="invite-note">Type a name to find more.</p>}
      <p className="visually-hidden" role="status">
        {invited}
      </p>
      <p className="field-error" id={errorId} role="alert">
        {error}
      </p>
      <div className="dialog-actions">
        <button type="button" className="button primary" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  )
}

function findPeople(people: readonly ChatUser[], typed: string): ChatUser[] {
  const wanted = typed.trim().toLowerCase()
  return people
    .filter(({ name, is_system }) => !is_system && name.toLowerCase().includes(wanted))
    .sort((a, b) => a.name.localeCompare(b.name))
}
