import { useMemo } from 'react'
import { useTable } from 'rowcast/react'
import { useMe } from '../session/use-session.ts'
import type { Membership } from '../tables.ts'

/** The channels that the person is in, with how far they have read, by channel id; null until known. */
export function useMyMemberships(): ReadonlyMap<number, Membership> | null {
  const me = useMe()
  const memberships = useTable('membership', { where: { user_id: me.id } })
  return useMemo(
    () =>
      memberships.status === 'ready'
        ? new Map(memberships.data.map((membership) => [membership.channel_id, membership]))
        : null,
    [memberships],
  )
}
