import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Health } from './main.ts'

/**
 * Answers `GET /healthz`: 200 while the change log is being read, else 503, also while the server sends its clients
 * elsewhere, with the details as JSON.
 */
export function healthz(health: () => Health | Promise<Health>) {
  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    if (request.url?.split('?')[0] !== '/healthz') return next()
    Promise.resolve(health()).then(
      (body) => {
        response.writeHead(body.status === 'ok' ? 200 : 503, {
          'content-type': 'application/json',
          'cache-control': 'no-store',
        })
        response.end(JSON.stringify(body))
      },
      () => response.writeHead(503).end(),
    )
  }
}
