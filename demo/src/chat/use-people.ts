import { useMemo } from 'react'
import { useTable } from 'rowcast/react'
import type { ChatUser } from '../tables.ts'

/** Everybody, by id. Empty until known. */
export function usePeople(): ReadonlyMap<number, ChatUser> {
  const users = useTable('chat_user')
  return useMemo(
    () => new Map(users.status === 'ready' ? users.data.map((user) => [user.id, user]) : []),
    [users],
  )
}
