import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Lets clients of this machine in, thousands at once.
 *
 * @param port default: any free one
 * @returns the port
 */
export async function listen(httpServer: Server, port = 0): Promise<number> {
  httpServer.listen(port, '127.0.0.1', 10_000)
  await once(httpServer, 'listening')
  return (httpServer.address() as AddressInfo).port
}
