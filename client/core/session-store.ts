import type { SessionKey } from './wire.ts'

/** Where a client keeps its session, so that it can come back to it. */
export interface SessionStore {
  /** Nothing if there is none yet. */
  load(): Promise<SessionKey | null | undefined>
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
  let claimed: { readonly id: string; readonly isMine: Promise<boolean>; unlock: () => void } | undefined

  /** Whether the session is this tab's from now on. */
  function claim(id: string): Promise<boolean> {
    if (claimed?.id === id) return claimed.isMine
    claimed?.unlock()
    let unlock: () => void = () => undefined
    const released = new Promise<void>((resolve) => (unlock = resolve))
    const isMine = new Promise<boolean>((resolve) => {
      const options = { signal: AbortSignal.timeout(handoverMs) }
      const held = locks.request(`${name}:${id}`, options, () => {
        resolve(true)
        return released
      })
      held.catch(() => resolve(false))
    })
    claimed = { id, isMine, unlock }
    return isMine
  }

  return {
    async load() {
      const session = parseKey(storage.getItem(name))
      return session && (await claim(session.id)) ? session : undefined
    },
    save(session) {
      try {
        storage.setItem(name, JSON.stringify(session))
      } catch {
        // storage that is full costs the session of before the reload, no more
      }
      void claim(session.id)
    },
    clear() {
      storage.removeItem(name)
      claimed?.unlock()
      claimed = undefined
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
