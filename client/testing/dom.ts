import { Window } from 'happy-dom'

/**
 * Gives a test in Node a page. To be imported before React: vitest's own environment would make the
 * modules of a server in the same test believe that they are in a browser.
 */
const window = new Window({ url: 'http://localhost/' })
const { document, navigator, HTMLElement, HTMLIFrameElement, Element, Node, MutationObserver } = window
for (const [name, value] of Object.entries({
  window,
  document,
  navigator,
  HTMLElement,
  HTMLIFrameElement,
  Element,
  Node,
  MutationObserver,
}))
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true }) // some are getters in newer Nodes
