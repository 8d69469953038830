import type { IncomingMessage } from 'node:http'

/**
 * Whether a page may connect: browsers let any page open a WebSocket anywhere, with the user's cookies, so
 * only this server's own pages and those of the origins named may. Programs that are no browser send no origin.
 */
export function isAllowedOrigin(request: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = request.headers
  if (origin === undefined || allowed.includes(origin)) return true
  return URL.canParse(origin) && new URL(origin).host === host
}
