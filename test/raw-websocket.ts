import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A WebSocket over which any bytes may be sent, also such as no WebSocket would send. */
export class RawWebSocket implements Disposable {
  readonly socket: Socket
  #received = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined) // the other side may hang up at any moment
    socket.on('data', (bytes) => (this.#received += bytes.toString('latin1')))
  }

  /** Resolves when the server has agreed to speak WebSocket, or has hung up. */
  static async open(port: number, path: string): Promise<RawWebSocket> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const opened = new RawWebSocket(socket)
    await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    socket.write(
      [
        `GET ${path}?EIO=4&transport=websocket HTTP/1.1`,
        `Host: 127.0.0.1:${port}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        '\r\n',
      ].join('\r\n'),
    )
    await Promise.race([once(socket, 'data'), once(socket, 'close')])
    return opened
  }

  /** All that has come, frames and all; a server's are not masked. */
  get received(): string {
    return this.#received
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && this.socket.writable
  }

  send(bytes: Uint8Array): void {
    if (this.isOpen) this.socket.write(bytes)
  }

  /** Sends a frame as it should be. */
  sendFrame(payload: string | Uint8Array): void {
    const body = Buffer.from(payload)
    const mask = randomBytes(4)
    const opcode = typeof payload === 'string' ? 0x1 : 0x2
    const head =
      body.length < 126
        ? Buffer.from([0x80 | opcode, 0x80 | body.length])
        : body.length < 65_536
          ? Buffer.from([0x80 | opcode, 0x80 | 126, body.length >> 8, body.length & 0xff])
          : Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | 127]), lengthIn8Bytes(body.length)])
    for (let i = 0; i < body.length; i++) body[i] = (body[i] ?? 0) ^ (mask[i % 4] ?? 0)
    this.send(Buffer.concat([head, mask, body]))
  }

  /** Resolves when something has come for which this holds; false if the server has hung up. */
  async until(condition: (received: string) => boolean): Promise<boolean> {
    while (!condition(this.#received)) {
      if (!this.isOpen) return false
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')])
    }
    return true
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

function lengthIn8Bytes(length: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(length))
  return bytes
}
