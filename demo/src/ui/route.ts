import { useMemo, useSyncExternalStore } from 'react'
import type { Channel } from '../tables.ts'

export type Route =
  | { readonly page: 'channel'; readonly name: string }
  | { readonly page: 'private_channel'; readonly id: number }
  | { readonly page: 'diff' }
  | { readonly page: 'home' }

/** The page's place is in the URL's hash, so that links, reloads and the back button work on any server. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash)
  return useMemo(() => parseRoute(hash), [hash])
}

/** A private channel goes by its number: its name may be another's too, and is nobody else's business. */
export function channelHref({ id, name, is_private }: Pick<Channel, 'id' | 'name' | 'is_private'>): string {
  return is_private ? `#/p/${id}` : `#/c/${encodeURIComponent(name)}`
}

export function isAt(route: Route, channel: Channel): boolean {
  if (route.page === 'private_channel') return channel.is_private && channel.id === route.id
  return route.page === 'channel' && !channel.is_private && channel.name === route.name
}

export const diffHref = '#/diff'

export function parseRoute(hash: string): Route {
  if (hash === diffHref) return { page: 'diff' }
  const id = /^#\/p\/(\d{1,9})$/.exec(hash)?.[1]
  if (id !== undefined) return { page: 'private_channel', id: Number(id) }
  const name = /^#\/c\/([^/]+)$/.exec(hash)?.[1]
  if (name === undefined) return { page: 'home' }
  try {
    return { page: 'channel', name: decodeURIComponent(name) }
  } catch {
    return { page: 'home' } // a stray % in a typed URL
  }
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}
