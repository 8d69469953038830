import { useMemo } from 'react'
import { useTable } from 'rowcast/react'
import { usePeople } from '../chat/use-people.ts'
import type { ChatUser } from '../tables.ts'

/** Who is in a channel, by name; null until known. */
export function useMembers(channelId: number): readonly ChatUser[] | null {
  const members = useTable('channel_member', { where: { channel_id: channelId } })
  const people = usePeople()
  return useMemo(() => {
    if (members.status !== 'ready' || people.size === 0) return null
    return members.data
      .flatMap(({ user_id }) => people.get(user_id) ?? [])
      .sort((a, b) => a.name.localeCompare(b.name))
  }, [members, people])
}
