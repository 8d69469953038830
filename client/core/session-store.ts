import type { SessionKey } from './sync.ts'

/** Where a client keeps its session, so that it can come back to it. */
export interface SessionStore {
  load(): Promise<SessionKey | undefined>
  save(session: SessionKey): void
  /** The session is no more. */
  clear(): void
}

export interface TabParts {
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  readonly locks: Pick<LockManager, 'request'>
}

/** A page that is being reloaded may take a moment to let go of its lock. */
const handoverMs = 300

/**
 * Keeps the session for as long as the tab lives: a reload resumes it. A duplicated tab starts with a
 * copy of the storage, and two tabs are two sessions, so whoever uses a session holds a lock of its
 * name; who finds it locked starts a new one.
 */
export function tabSession(name: string, { storage, locks }: TabParts): SessionStore {
  let locked: { id: string; unlock: () => void } | undefined

  /** Whether the session is this tab's from now on. */
  function claim(id: string, waitMs: number): Promise<boolean> {
    if (locked?.id === id) return Promise.resolve(true)
    return new Promise((resolve) => {
      const taken = locks.request(`${name}:${id}`, { signal: AbortSignal.timeout(waitMs) }, () => {
        resolve(true)
        locked?.unlock()
        return new Promise<void>((unlock) => (locked = { id, unlock }))
      })
      taken.catch(() => resolve(false))
    })
  }

  return {
    async load() {
      const session = parseKey(storage.getItem(name))
      return session && (await claim(session.id, handoverMs)) ? session : undefined
    },
    save(session) {
      storage.setItem(name, JSON.stringify(session))
      void claim(session.id, handoverMs)
    },
    clear() {
      storage.removeItem(name)
      locked?.unlock()
      locked = undefined
    },
  }
}

/** Keeps the session for as long as the page lives. */
export function pageSession(): SessionStore {
  let session: SessionKey | undefined
  return {
    load: () => Promise.resolve(session),
    save: (created) => {
      session = created
    },
    clear: () => {
      session = undefined
    },
  }
}

/** The tab's session where there are tabs; storage may be forbidden, and locks need a secure page. */
export function defaultSession(name: string): SessionStore {
  try {
    const storage = globalThis.sessionStorage
    const locks = globalThis.navigator?.locks
    if (typeof document !== 'undefined' && storage && locks) return tabSession(name, { storage, locks })
  } catch {
    // a page may be forbidden to store anything
  }
  return pageSession()
}

function parseKey(text: string | null): SessionKey | undefined {
  if (text === null) return undefined
  try {
    const { id, token } = JSON.parse(text) as Partial<SessionKey>
    return typeof id === 'string' && typeof token === 'string' ? { id, token } : undefined
  } catch {
    return undefined
  }
}
