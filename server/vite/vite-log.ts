import { pino, type Logger } from 'pino'
import type { Logger as ViteLogger } from 'vite'

const warn = 40
const error = 50

/** What goes wrong, in the dev server's own words and place rather than as JSON. */
export function viteLog(vite: ViteLogger): Logger {
  return pino(
    { level: 'warn' },
    {
      write(line: string) {
        const { level = warn, msg = '', err } = JSON.parse(line) as Entry
        const text = `rowcast: ${[msg, err?.message].filter(Boolean).join(': ')}`
        if (level >= error) vite.error(text, { timestamp: true })
        else vite.warn(text, { timestamp: true })
      },
    },
  )
}

interface Entry {
  readonly level?: number
  readonly msg?: string
  readonly err?: { readonly message: string }
}
