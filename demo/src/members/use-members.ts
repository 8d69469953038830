import { useMemo } from 'react'
import { useTable } from 'rowcast/react'
import { usePeople } from '../chat/use-people.ts'
import type { ChatUser } from '../tables.ts'

/** Who is in a channel, by name; null until known. */
export function useMembers(channelId: number): readonly ChatUser[] | null {
  const memberships = useTable('membership', { where: { channel_id: channelId } })
  const people = usePeople()
  return useMemo(() => {
    if (memberships.status !== 'ready' || people.size === 0) return null
    return memberships.data
      .flatMap(({ user_id }) => people.get(user_id) ?? [])
      .sort((a, b) => a.name.localeCompare(b.name))
  }, [memberships, people])
}
