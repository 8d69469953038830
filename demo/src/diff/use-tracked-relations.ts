import { useEffect, useState } from 'react'
import { messageOf } from '../api/api.ts'
import { listTrackedRelations, type TrackedRelation } from '../api/endpoints.ts'

export type TrackedRelations =
  | { readonly status: 'loading' }
  | { readonly status: 'ready'; readonly relations: readonly TrackedRelation[] }
  | { readonly status: 'error'; readonly message: string }

/** The tables that can be watched, as of when the page was opened. */
export function useTrackedRelations(): TrackedRelations {
  const [state, setState] = useState<TrackedRelations>({ status: 'loading' })
  useEffect(() => {
    let isCurrent = true
    listTrackedRelations().then(
      (relations) => isCurrent && setState({ status: 'ready', relations }),
      (error: unknown) => isCurrent && setState({ status: 'error', message: messageOf(error) }),
    )
    return () => {
      isCurrent = false
    }
  }, [])
  return state
}
