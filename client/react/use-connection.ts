import { useStore } from 'zustand'
import { useShallow } from 'zustand/react/shallow'
import type { ConnectionState } from '../core/connection.ts'
import type { Position } from '../../shared/position.ts'
import { useClient } from './provider.tsx'

/** How the connection is, and the position at which everything shown stands. */
export type ConnectionInfo = ConnectionState & { readonly position: Position | undefined }

/**
 * How the connection to the server is: `connecting`, `live`, `catching_up`, `reconnecting`, `unauthenticated` or
 * `closed`, with an `error` that says what stands in the way.
 *
 * @param select what of it to render for; without, the component renders whenever the position moves
 *
 * @example
 * const status = useConnection((connection) => connection.status)
 * return status === 'live' ? null : <Offline />
 */
export function useConnection<T = ConnectionInfo>(
  select: (connection: ConnectionInfo) => T = (connection) => connection as T,
): T {
  const { store } = useClient()
  return useStore(
    store,
    useShallow(({ connection, position }) => select({ ...connection, position })),
  )
}
