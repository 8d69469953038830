import { useEffect } from 'react'
import { useConnection } from 'rowcast/react'
import { checkSession } from '../api/endpoints.ts'

/** Asks at the start, and whenever the sockets are refused, whether the server still knows the person; if not, they are signed out. */
export function SessionCheck() {
  const isRefused = useConnection(({ status }) => status === 'unauthenticated')
  useEffect(() => {
    checkSession().catch(() => {}) // a refusal signs out; an unreachable server shows by itself
  }, [isRefused])
  return null
}
