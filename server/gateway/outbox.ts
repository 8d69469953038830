import type { GatewaySocket } from './connection.ts'

/**
 * What has been handed to a socket and has not left the server yet. Messages are counted by the length of
 * their text, once they wait, and by what the WebSocket holds of them, once they have been written.
 */
export class Outbox {
  readonly #transport: () => unknown
  #unwritten = 0

  constructor({ conn }: Pick<GatewaySocket, 'conn'>) {
    this.#transport = () => conn.transport
    conn.on('flush', () => (this.#unwritten = 0))
  }

  /** To be called before the message is handed over: it may be written at once. */
  add(bytes: number): void {
    this.#unwritten += bytes
  }

  get bytes(): number {
    // Engine.IO leaves the type of its transports' socket open; polling has none that holds anything.
    const { socket } = this.#transport() as { socket?: { bufferedAmount?: number } }
    return this.#unwritten + (socket?.bufferedAmount ?? 0)
  }
}
