import { useEffect, useState, type ReactNode } from 'react'
import { createClient } from 'rowcast/client'
import { RowcastProvider } from 'rowcast/react'
import type { Session } from './session.ts'
import { SessionCheck } from './session-check.tsx'

/** Connects the page to the database's rows as the signed-in person. */
export function LiveSession({ session, children }: { session: Session; children: ReactNode }) {
  const [client] = useState(() => createClient({ auth: { token: session.token } }))
  useEffect(() => {
    client.connect()
    return () => client.close()
  }, [client])
  return (
    <RowcastProvider client={client}>
      <SessionCheck />
      {children}
    </RowcastProvider>
  )
}
