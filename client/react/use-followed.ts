import { useMemo, useSyncExternalStore } from 'react'
import type { Client } from '../core/client.ts'
import { textOf } from '../core/definition.ts'
import type { Followed } from '../core/followed.ts'
import { loading, type Result } from '../core/result.ts'
import { RowcastError } from '../../shared/errors.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { useClient } from './provider.tsx'

type Define = () => Subscription | undefined
type Make<T> = (client: Client, subscription: Subscription) => Followed<T>

/**
 * What is known of a subscription, or `loading` while there is none to follow.
 *
 * @param make what to make of it, by default its rows
 * @param variant tells two that are made of the same subscription apart
 */
export function useResult<T>(define: Define, make: Make<T> = follow, variant?: number): Result<T> {
  const followed = useFollowed(define, make, variant)
  return useSyncExternalStore(followed.subscribe, followed.getSnapshot, followed.getServerSnapshot)
}

/** Suspends until something is known; throws what the server refuses. */
export function useData<T>(define: () => Subscription): T {
  const followed = useFollowed<T>(define, follow)
  const result = useSyncExternalStore(followed.subscribe, followed.getSnapshot, followed.getServerSnapshot)
  if (result.status === 'loading') {
    // thrown on a server, it makes React show the fallback there, and render in the browser
    if (typeof window === 'undefined') throw new Error('rows are read in the browser only')
    // not `use`, which would have to be called in the renders that need not wait as well
    throw followed.settle()
  }
  if (result.status === 'error') throw result.error
  return result.data
}

/** One handle for as long as the subscription says the same: options may be written inline. */
function useFollowed<T>(define: Define, make: Make<T>, variant?: number): Followed<T> {
  const client = useClient()
  const { text, error } = attempt(define)
  // `make` does the same each time, so only what it makes something of is compared
  // oxlint-disable react/exhaustive-deps
  const followed = useMemo(
    () => (text === undefined ? undefined : make(client, JSON.parse(text) as Subscription)),
    [client, text, variant],
  )
  const failed = useMemo(() => error && nothing<T>({ status: 'error', error }), [error?.message])
  // oxlint-enable react/exhaustive-deps
  return followed ?? failed ?? idle
}

function attempt(define: Define): { text?: string; error?: RowcastError } {
  try {
    const subscription = define()
    return subscription ? { text: textOf(subscription) } : {}
  } catch (error) {
    if (error instanceof RowcastError) return { error }
    throw error
  }
}

function follow<T>(client: Client, subscription: Subscription): Followed<T> {
  return client.follow<T>(subscription)
}

/** What shows one thing and follows nothing. */
function nothing<T>(result: Result<T>): Followed<T> {
  return {
    subscribe: () => () => undefined,
    getSnapshot: () => result,
    getServerSnapshot: () => result,
    settle: () => Promise.resolve(),
  }
}

const idle: Followed<never> = nothing<never>(loading)
