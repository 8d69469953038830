import type { IncomingMessage } from 'node:http'

/**
 * Whether a page may connect: browsers let any page open a WebSocket anywhere, with the user's cookies, so
 * only this server's own pages and those of the origins named may. Programs that are no browser send no origin, and
 * can write what they like into any header: this keeps pages out, not programs.
 */
export function isAllowedOrigin({ headers }: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin === undefined) return !isFromElsewhere(headers)
  return allowed.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host)
}

/** Of a request that it sends without an origin, such as an image's, a browser says at least that another page sends it. */
function isFromElsewhere(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site']
  return site !== undefined && site !== 'same-origin' && site !== 'none'
}
