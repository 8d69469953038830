import { expect, test } from 'vitest'
import { tabSession, type TabParts } from './session-store.ts'

const session = { id: '00000000-0000-4000-8000-000000000001', token: 'secret' }

/** A browser's storage and locks as far as tabs need them: storage of one tab each, locks of all. */
class Browser {
  readonly #held = new Map<string, Promise<unknown>>()

  tab(stored = new Map<string, string>()): TabParts & { stored: Map<string, string> } {
    return {
      stored,
      storage: {
        getItem: (key) => stored.get(key) ?? null,
        setItem: (key, value) => void stored.set(key, value),
        removeItem: (key) => void stored.delete(key),
      },
      locks: { request: this.#request as LockManager['request'] },
    }
  }

  readonly #request = async (
    name: string,
    { signal }: { signal: AbortSignal },
    work: () => Promise<unknown>,
  ): Promise<unknown> => {
    while (this.#held.has(name)) {
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(new Error('aborted'))),
      )
      await Promise.race([this.#held.get(name), aborted])
    }
    const done = Promise.resolve(work()).finally(() => this.#held.delete(name))
    this.#held.set(name, done)
    return done
  }
}

test('E-68 a reload of a tab resumes its session', async () => {
  const browser = new Browser()
  const tab = browser.tab()
  const before = tabSession('rowcast', tab)
  expect(await before.load()).toBeUndefined()
  before.save(session)
  setTimeout(() => before.clear(), 50) // the page that goes lets go of its lock, a moment late
  const kept = new Map(tab.stored)
  expect(await tabSession('rowcast', browser.tab(kept)).load()).toEqual(session)
})

test('E-68 a duplicated tab, which starts with a copy of the storage, is another session', async () => {
  const browser = new Browser()
  const tab = browser.tab()
  tabSession('rowcast', tab).save(session)
  const duplicate = tabSession('rowcast', browser.tab(new Map(tab.stored)))
  expect(await duplicate.load()).toBeUndefined()
})

test('a client that is made twice in one page keeps its session', async () => {
  const store = tabSession('rowcast', new Browser().tab())
  store.save(session)
  expect(await Promise.all([store.load(), store.load()])).toEqual([session, session])
})

test('what is not a session in the storage is none', async () => {
  for (const text of ['', 'x', '{}', '[]', 'null', '{"id":1,"token":2}']) {
    const store = tabSession('rowcast', new Browser().tab(new Map([['rowcast', text]])))
    expect(await store.load()).toBeUndefined()
  }
})
