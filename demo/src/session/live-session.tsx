import { useEffect, useState, type ReactNode } from 'react'
import { createClient } from 'rowcast/client'
import { RowcastProvider } from 'rowcast/react'
import { checkSession } from '../api/endpoints.ts'
import type { Session } from './session.ts'

/** Connects the page to the database's rows as the signed-in person. */
export function LiveSession({ session, children }: { session: Session; children: ReactNode }) {
  const [client] = useState(() => createClient({ auth: { token: session.token } }))
  useEffect(() => {
    void checkSession().catch(() => {}) // a refusal signs out; an unreachable server shows by itself
  }, [])
  return <RowcastProvider client={client}>{children}</RowcastProvider>
}
