import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * Lets the page load while the database still starts: what it asks of Rowcast's path meanwhile waits, and is
 * answered as soon as Rowcast is there, or with 503 if it does not come.
 *
 * @param ready resolves once Socket.IO is attached to the server. It puts itself before the listener
 *   of here, which from then on only passes on what is for others.
 */
export function holdUntilReady(httpServer: Server, path: string, ready: Promise<unknown>): void {
  const isOurs = (request: IncomingMessage) => request.url?.startsWith(`${path}/`) ?? false
  const others = httpServer.listeners('request')

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    if (!isOurs(request)) return others.forEach((listener) => listener.call(httpServer, request, response))
    ready.then(
      () => httpServer.emit('request', request, response),
      () => {
        response.writeHead(503, { 'content-type': 'text/plain' })
        response.end('Rowcast did not start: the terminal of the dev server says why')
      },
    )
  }
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!isOurs(request)) return
    socket.on('error', () => undefined) // a page that is closed while it waits
    ready.then(
      () => httpServer.emit('upgrade', request, socket, head),
      () => socket.destroy(),
    )
  }
  // Before what waits is passed on, lest it come back here.
  ready.then(
    () => httpServer.off('upgrade', onUpgrade),
    () => undefined,
  )
  httpServer.removeAllListeners('request').on('request', onRequest).on('upgrade', onUpgrade)
}
