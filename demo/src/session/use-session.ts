import { useSyncExternalStore } from 'react'
import { getSession, subscribeToSession, type Session } from './session.ts'

export function useSession(): Session | null {
  return useSyncExternalStore(subscribeToSession, getSession)
}

/** The signed-in person. Only below a `LiveSession`. */
export function useMe(): Session['user'] {
  const session = useSession()
  if (!session) throw new Error('useMe() is for signed-in pages')
  return session.user
}
