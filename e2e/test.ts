import { test as base, expect, type BrowserContext } from 'playwright/test'
import { ChatPage } from './chat-page.ts'
import { Chat } from './chat.ts'

interface Fixtures {
  /** A running chat, with a database of its own. */
  readonly chat: Chat
  /** Signs somebody in, in a browser of their own, and opens #general. */
  readonly enter: (name: string, options?: Parameters<typeof contextOf>[1]) => Promise<ChatPage>
}

/** Tests with a real browser, server and database together. */
export const test = base.extend<Fixtures>({
  // Playwright reads the names of the fixtures that a fixture wants from this pattern.
  // oxlint-disable-next-line no-empty-pattern
  chat: async ({}, use) => {
    await using chat = await Chat.start()
    await use(chat)
  },
  enter: async ({ chat, browser }, use) => {
    const contexts: BrowserContext[] = []
    await use(async (name, options) => {
      const context = await contextOf(browser, options)
      contexts.push(context)
      const page = new ChatPage(await context.newPage(), chat.url)
      await page.goto()
      await page.signIn(name)
      return page
    })
    for (const context of contexts) await context.close()
  },
})

async function contextOf(
  browser: { newContext(options?: object): Promise<BrowserContext> },
  options: { viewport?: { width: number; height: number }; hasTouch?: boolean; isMobile?: boolean } = {},
): Promise<BrowserContext> {
  return await browser.newContext(options)
}

export { expect }
