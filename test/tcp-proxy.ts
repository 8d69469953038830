import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/**
 * What happens to bytes, and to new connections:
 * - `open`: all goes through.
 * - `half-open`: connections are accepted, and nothing goes through in either direction, not even an end: a network
 *   that has gone silent. What was held back goes through when the mode is `open` again, as TCP would send it again.
 * - `refusing`: new connections are reset; those that exist go on.
 */
export type ProxyMode = 'open' | 'half-open' | 'refusing'

export interface TcpProxyOptions {
  readonly host?: string
  readonly port: number
  /** Where the proxy listens. Default: a free one. */
  readonly listenOn?: number
}

/**
 * Stands between two ends of TCP connections on this machine, and breaks them in the ways of a network.
 *
 * @example
 * await using proxy = await TcpProxy.start({ port: 5432 })
 * const client = new pg.Client({ host: '127.0.0.1', port: proxy.port })
 * proxy.setMode('half-open')
 */
export class TcpProxy {
  readonly port: number
  readonly #server: Server
  readonly #links = new Set<Link>()
  #target: { readonly host: string; readonly port: number }
  #mode: ProxyMode = 'open'
  #delayMs = 0
  #bytesPerSecond: number | undefined

  static async start(options: TcpProxyOptions): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    server.listen(options.listenOn ?? 0, '127.0.0.1')
    await once(server, 'listening')
    return new TcpProxy(server, options)
  }

  /** Between a test and the server of a URL, which is given back with the proxy's address in it. */
  static async before(url: string): Promise<{ proxy: TcpProxy; url: string }> {
    const through = new URL(url)
    const proxy = await TcpProxy.start({ host: through.hostname, port: Number(through.port) })
    through.host = `127.0.0.1:${proxy.port}`
    return { proxy, url: through.href }
  }

  private constructor(server: Server, { host = '127.0.0.1', port }: TcpProxyOptions) {
    this.#server = server
    this.#target = { host, port }
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => {
      if (this.#mode === 'refusing') return socket.resetAndDestroy()
      const upstream = connect({ ...this.#target, allowHalfOpen: true, noDelay: true })
      const link = new Link(socket, upstream, () => this.#links.delete(link))
      this.#links.add(link)
      link.delayMs = this.#delayMs
      link.bytesPerSecond = this.#bytesPerSecond
      link.hold(this.#mode === 'half-open')
    })
  }

  get mode(): ProxyMode {
    return this.#mode
  }

  get connectionCount(): number {
    return this.#links.size
  }

  /** New connections lead there, as when an address is moved to another server; those that exist stay where they are. */
  pointTo({ host = '127.0.0.1', port }: Pick<TcpProxyOptions, 'host' | 'port'>): void {
    this.#target = { host, port }
  }

  setMode(mode: ProxyMode): void {
    this.#mode = mode
    for (const link of this.#links) link.hold(mode === 'half-open')
  }

  /** Every byte arrives so much later, in each direction; order and throughput stay. */
  setDelay(delayMs: number): void {
    this.#delayMs = delayMs
    for (const link of this.#links) link.delayMs = delayMs
  }

  /** So many bytes pass in a second, in each direction of each connection; undefined: as many as come. */
  setRate(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecond = bytesPerSecond
    for (const link of this.#links) link.bytesPerSecond = bytesPerSecond
  }

  /** Both ends of every connection see it end in good order. */
  cut(): void {
    for (const link of this.#links) link.end()
  }

  /** Both ends of every connection get a reset. */
  reset(): void {
    for (const link of this.#links) link.reset()
  }

  /** The connections that exist are half-open for good, as when a router has forgotten them; new ones are served. */
  strand(): void {
    for (const link of this.#links) link.strand()
  }

  async close(): Promise<void> {
    this.#server.close()
    this.reset()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

class Link {
  readonly #flows: readonly [Flow, Flow]
  readonly #sockets: readonly [Socket, Socket]

  constructor(client: Socket, server: Socket, onClose: () => void) {
    this.#sockets = [client, server]
    this.#flows = [new Flow(client, server), new Flow(server, client)]
    let open = 2
    for (const socket of this.#sockets)
      socket.on('close', () => {
        if (--open === 0) onClose()
      })
  }

  set delayMs(delayMs: number) {
    for (const flow of this.#flows) flow.delayMs = delayMs
  }

  set bytesPerSecond(bytesPerSecond: number | undefined) {
    for (const flow of this.#flows) flow.setRate(bytesPerSecond)
  }

  hold(isHeld: boolean): void {
    for (const flow of this.#flows) flow.hold(isHeld)
  }

  strand(): void {
    for (const flow of this.#flows) flow.strand()
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }
}

/** So much is read ahead of a reader that does not read; then its writer has to wait. */
const heldBytes = 256 * 1024

/** One direction of a connection: bytes, an end or a reset, in their order, each when it is due. */
class Flow {
  delayMs = 0
  readonly #from: Socket
  readonly #to: Socket
  readonly #queue: { readonly due: number; readonly bytes: number; pass(): void }[] = []
  #bytes = 0
  #isHeld = false
  #isStranded = false
  #bytesPerSecond = Infinity
  /** Until then what has passed has used up the rate. */
  #spentUntil = 0
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket) {
    this.#from = from
    this.#to = to
    from.on('data', (chunk) => this.#push(chunk.length, () => to.write(chunk)))
    from.on('end', () => this.#push(0, () => to.end()))
    from.on('error', () => this.#push(0, () => to.resetAndDestroy()))
    from.on('close', () => this.#push(0, () => to.destroySoon()))
    to.on('drain', () => this.#pump())
    to.on('close', () => this.#drop())
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#pump()
  }

  strand(): void {
    this.#isStranded = true
  }

  setRate(bytesPerSecond = Infinity): void {
    this.#bytesPerSecond = bytesPerSecond
    if (bytesPerSecond === Infinity) this.#spentUntil = 0
    this.#pump()
  }

  /** Nobody is left to get what waits, and at a low rate it could wait for minutes. */
  #drop(): void {
    this.#queue.length = 0
    this.#bytes = 0
    this.#pump()
  }

  #push(bytes: number, pass: () => void): void {
    if (this.#to.destroyed) return
    this.#queue.push({ due: performance.now() + this.delayMs, bytes, pass })
    this.#bytes += bytes
    if (this.#bytes >= heldBytes) this.#from.pause()
    this.#pump()
  }

  #pump(): void {
    clearTimeout(this.#timer)
    while (!this.#isHeld && !this.#isStranded && !this.#to.writableNeedDrain) {
      const [next] = this.#queue
      if (!next) break
      const waitMs = Math.max(next.due, this.#spentUntil) - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs)
        break
      }
      this.#queue.shift()
      this.#bytes -= next.bytes
      // a chunk passes whole, and is paid for afterwards
      this.#spentUntil = performance.now() + (next.bytes / this.#bytesPerSecond) * 1000
      if (!this.#to.destroyed) next.pass()
    }
    if (this.#bytes < heldBytes) this.#from.resume()
  }
}
