import type { Page } from 'playwright/test'

declare global {
  interface Window {
    touched: string[]
  }
}

/**
 * From now on notes every change to the elements of the message list: the id of a message when something
 * within its element changed, `+id` and `-id` when its element came or went.
 */
export async function watchMessages(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.touched = []
    const list = document.querySelector('.messages')
    if (!list) throw new Error('there is no message list')
    const idOf = (node: Node) =>
      node instanceof HTMLElement ? (node.dataset['message'] ?? node.className) : 'text'
    const observer = new MutationObserver((records) => {
      for (const { target, addedNodes, removedNodes } of records) {
        const element = target instanceof Element ? target : target.parentElement
        const message = element?.closest('[data-message]')
        if (message) window.touched.push(idOf(message))
        else
          window.touched.push(
            ...[...addedNodes].map((node) => `+${idOf(node)}`),
            ...[...removedNodes].map((node) => `-${idOf(node)}`),
          )
      }
    })
    observer.observe(list, { subtree: true, childList: true, characterData: true, attributes: true })
  })
}

/** What has been touched since, each once. */
export async function touchedMessages(page: Page): Promise<string[]> {
  return await page.evaluate(() => [...new Set(window.touched)].sort())
}
