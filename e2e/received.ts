import type { Page } from 'playwright/test'

/** All that a page is sent, by its sockets and by requests. */
export interface Received {
  /** Whether one of it holds the text, of all or of what came after the last `forget`. */
  has(text: string): boolean
  forget(): void
}

/** Listens to what a page is sent. To miss nothing, the page begins anew. */
export async function listenTo(page: Page): Promise<Received> {
  let texts: string[] = []
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => void texts.push(payload.toString())),
  )
  page.on('response', (response) =>
    response.text().then(
      (text) => void texts.push(text),
      () => undefined, // a redirect has none, nor has what a closed page was still waiting for
    ),
  )
  await page.reload()
  return {
    has: (text) => texts.some((each) => each.includes(text)),
    forget: () => void (texts = []),
  }
}
