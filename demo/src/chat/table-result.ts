import type { useTable } from 'rowcast/react'
import type { Tables } from 'rowcast/client'

/** What `useTable` answers for one of the chat's tables. */
export type TableResult<R extends keyof Tables> = ReturnType<typeof useTable<R>>
