const storageKey = 'rowcast-chat.channel'

/** The channel that was open last in this browser, to start with. */
export function lastChannel(): string | null {
  return localStorage.getItem(storageKey)
}

export function rememberChannel(name: string): void {
  localStorage.setItem(storageKey, name)
}
