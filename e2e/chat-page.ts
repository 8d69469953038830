import { expect, type Locator, type Page } from 'playwright/test'

/** What a person sees of the chat and does with it. */
export class ChatPage {
  readonly page: Page
  readonly #url: string

  constructor(page: Page, url: string) {
    this.page = page
    this.#url = url
  }

  get log(): Locator {
    return this.page.getByRole('log')
  }

  get composer(): Locator {
    return this.page.getByRole('textbox', { name: /^Message #/ })
  }

  get connection(): Locator {
    return this.page.getByRole('status', { name: 'Connection' })
  }

  /** What was written, oldest first. */
  get bodies(): Locator {
    return this.page.locator('.message-body')
  }

  /** The message that says this, edited or not. */
  message(text: string): Locator {
    const body = new RegExp(`^${text.replace(/[^\w ]/g, '\\$&')}(\\(edited\\))?$`)
    return this.page
      .locator('.message')
      .filter({ has: this.page.locator('.message-body', { hasText: body }) })
  }

  channel(name: string): Locator {
    return this.page
      .getByRole('navigation', { name: 'Channels' })
      .getByRole('link', { name: new RegExp(`^${name}\\b`) })
  }

  async goto(hash = ''): Promise<void> {
    await this.page.goto(`${this.#url}/${hash}`)
  }

  async signIn(name: string): Promise<void> {
    await this.page.getByLabel('Your name').fill(name)
    await this.page.getByRole('button', { name: 'Sign in' }).click()
    await this.isLive()
  }

  /** Waits until the messages are there. */
  async isLive(): Promise<void> {
    await expect(this.log).toBeVisible()
  }

  async open(channel: string): Promise<void> {
    await this.channel(channel).click()
    await expect(this.page.getByRole('log', { name: `Messages in #${channel}` })).toBeVisible()
  }

  async send(text: string): Promise<void> {
    await this.composer.fill(text)
    await this.composer.press('Enter')
  }

  /** The same person in a second tab of the same browser. */
  async anotherTab(hash = ''): Promise<ChatPage> {
    const tab = new ChatPage(await this.page.context().newPage(), this.#url)
    await tab.goto(hash)
    await tab.isLive()
    return tab
  }

  /** Calls an endpoint past the page, as the signed-in person. */
  async call(method: string, path: string, data?: unknown): Promise<{ status: number; code?: string }> {
    const token = await this.page.evaluate(() => {
      const session = JSON.parse(localStorage.getItem('rowcast-chat.session') ?? '{}') as { token?: string }
      return session.token
    })
    const response = await this.page.request.fetch(this.#url + path, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(data !== undefined && { data }),
    })
    return { status: response.status(), ...((await response.json()) as { code?: string } | null) }
  }
}
