export interface Session {
  readonly token: string
  readonly user: { readonly id: number; readonly name: string }
}

const storageKey = 'rowcast-chat.session'
const listeners = new Set<() => void>()
let current: Session | null = load()
let notice: string | null = null

/** Who is signed in in this browser; all its tabs follow. */
export function getSession(): Session | null {
  return current
}

export function signedIn(session: Session): void {
  notice = null
  localStorage.setItem(storageKey, JSON.stringify(session))
  change(session)
}

/** @param reason shown on the sign-in page, when it was not the person's own wish */
export function signOut(reason?: string): void {
  notice = reason ?? null
  localStorage.removeItem(storageKey)
  change(null)
}

/** Why the person was signed out, if they did not ask for it. */
export function getSignOutReason(): string | null {
  return notice
}

export function subscribeToSession(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

window.addEventListener('storage', ({ key }) => {
  if (key === storageKey || key === null) change(load())
})

function change(session: Session | null): void {
  current = session
  for (const listener of listeners) listener()
}

function load(): Session | null {
  try {
    const stored = JSON.parse(localStorage.getItem(storageKey) ?? 'null') as Partial<Session> | null
    return stored?.token && stored.user ? { token: stored.token, user: stored.user } : null
  } catch {
    return null // what somebody else wrote there is no session
  }
}
