import { createContext, useContext, useEffect, type ReactElement, type ReactNode } from 'react'
import type { Client } from '../core/client.ts'

const ClientContext = createContext<Client | undefined>(undefined)

export interface RowcastProviderProps {
  readonly client: Client
  readonly children?: ReactNode
}

/**
 * Gives the hooks below it their client, and connects it. The client is the application's: it outlives
 * the provider, and is made outside of any component.
 *
 * @example
 * const client = createClient()
 * createRoot(element).render(<RowcastProvider client={client}><App /></RowcastProvider>)
 */
export function RowcastProvider({ client, children }: RowcastProviderProps): ReactElement {
  useEffect(() => client.connect(), [client])
  return <ClientContext value={client}>{children}</ClientContext>
}

/** The client of the nearest provider. */
export function useClient(): Client {
  const client = useContext(ClientContext)
  if (!client) throw new Error('no Rowcast client here: put <RowcastProvider client={client}> around the app')
  return client
}
