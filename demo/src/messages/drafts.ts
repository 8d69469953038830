/** What was begun in a channel and not sent, while the page is open. */
const drafts = new Map<number, string>()

export function loadDraft(channelId: number): string {
  return drafts.get(channelId) ?? ''
}

export function saveDraft(channelId: number, text: string): void {
  if (text === '') drafts.delete(channelId)
  else drafts.set(channelId, text)
}
