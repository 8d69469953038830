const storageKey = 'rowcast-chat.channel'

/** The id of the channel that was open last in this browser, to start with. */
export function lastChannel(): number {
  return Number(localStorage.getItem(storageKey))
}

export function rememberChannel(id: number): void {
  localStorage.setItem(storageKey, String(id))
}
