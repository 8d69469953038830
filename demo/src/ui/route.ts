import { useMemo, useSyncExternalStore } from 'react'

export type Route =
  | { readonly page: 'channel'; readonly channel: string }
  | { readonly page: 'diff' }
  | { readonly page: 'home' }

/** The page's place is in the URL's hash, so that links, reloads and the back button work on any server. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash)
  return useMemo(() => parseRoute(hash), [hash])
}

export const channelHref = (name: string) => `#/c/${encodeURIComponent(name)}`
export const diffHref = '#/diff'

export function parseRoute(hash: string): Route {
  if (hash === diffHref) return { page: 'diff' }
  const channel = /^#\/c\/([^/]+)$/.exec(hash)?.[1]
  if (channel === undefined) return { page: 'home' }
  try {
    return { page: 'channel', channel: decodeURIComponent(channel) }
  } catch {
    return { page: 'home' } // a stray % in a typed URL
  }
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}
