import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { expect, test, vi } from 'vitest'
import { createClient, type Client, type Followed } from '../../client/core/index.ts'
import { createTestDatabase } from '../../test/database.ts'
import { startRowcast, type RowcastProcess } from '../../test/rowcast-process.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'

const config = `export default { authenticate: () => ({ role: 'postgres', claims: {} }) }`

test('over a deploy, clients are sent from server to server and get every change, once', async () => {
  await using database = await createTestDatabase()
  await using project = await temporaryFolder({ 'rowcast.config.mjs': config })
  const sql = await database.connect()
  await sql.query(`create table entry (id int primary key); select event.track('entry')`)
  await using balancer = await Balancer.start()
  const running: { readonly rowcast: RowcastProcess; readonly port: number }[] = []
  const serve = async () => {
    const rowcast = startRowcast(['serve', '--port', '0', '--drain', '4'], {
      cwd: project.path,
      env: { DATABASE_URL: database.url },
    })
    const [, port] = await rowcast.until(/listening on .*:(\d+)/)
    const server = { rowcast, port: Number(port) }
    running.push(server)
    balancer.add(server.port)
    return server
  }
  try {
    const old = await Promise.all([serve(), serve()])
    const readers = Array.from({ length: 10 }, () => new Reader(balancer.url))
    await Promise.all(readers.map((reader) => reader.live()))
    const writer = new Writer(sql)
    for (const { rowcast, port } of old) {
      await serve()
      const agent = new Agent({ keepAlive: true })
      expect(await statusOf(port, agent)).toBe('ok')
      rowcast.child.kill('SIGTERM')
      await vi.waitFor(async () => expect(await statusOf(port, agent)).toBe('draining'), 5_000)
      expect(await rowcast.exitCode()).toBe(0) // though the agent keeps its connection
      agent.destroy()
    }
    const written = await writer.stop()
    await Promise.all(readers.map((reader) => reader.until(written.length)))
    for (const reader of readers) {
      expect(reader.recorded).toEqual(written)
      expect(reader.shown).toEqual(written)
      expect(reader.statuses).toContain('reconnecting')
      reader.client.close()
    }
  } finally {
    for (const { rowcast } of running) await rowcast[Symbol.asyncDispose]()
  }
})

/** Follows all entries, and notes every one that comes as a change. */
class Reader {
  readonly client: Client
  readonly recorded: number[] = []
  readonly statuses = new Set<string>()
  readonly #rows: Followed<readonly { id: number }[]>

  constructor(url: string) {
    this.client = createClient({ url, session: 'page', transports: ['websocket'], retryDelayMs: 50 })
    this.client.store.subscribe(({ connection }) => this.statuses.add(connection.status))
    this.#rows = this.client.follow({ kind: 'table', relation: 'entry' })
    this.#rows.subscribe(() => undefined)
    const changes = this.client.changes('entry', { last: 1e9 })
    changes.subscribe(() => {
      for (const change of (changes.getSnapshot().data ?? []).slice(this.recorded.length))
        this.recorded.push(change.op === 'row_insert' ? Number(change.row['id']) : NaN)
    })
  }

  get shown(): number[] {
    return (this.#rows.getSnapshot().data ?? []).map(({ id }) => id)
  }

  live(): Promise<void> {
    return vi.waitFor(() => expect(this.client.store.getState().connection.status).toBe('live'), 10_000)
  }

  until(count: number): Promise<void> {
    return vi.waitFor(() => expect(this.shown.length).toBe(count), 15_000)
  }
}

/** Commits one entry after the other, numbered from 1, until it is stopped. */
class Writer {
  readonly #written: number[] = []
  #isStopped = false
  readonly #done: Promise<void>

  constructor(client: pg.Client) {
    this.#done = this.#run(client)
  }

  async #run(client: pg.Client): Promise<void> {
    for (let id = 1; !this.#isStopped; id++) {
      await client.query('insert into entry values ($1)', [id])
      this.#written.push(id)
      await sleep(5)
    }
  }

  async stop(): Promise<readonly number[]> {
    this.#isStopped = true
    await this.#done
    return this.#written
  }
}

/** Passes connections on to servers that say they are well, in turn. */
class Balancer implements AsyncDisposable {
  readonly #ports: number[] = []
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((socket) => void this.#pass(socket))
  #turn = 0

  static async start(): Promise<Balancer> {
    const balancer = new Balancer()
    balancer.#server.listen(0, '127.0.0.1')
    await once(balancer.#server, 'listening')
    return balancer
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  add(port: number): void {
    this.#ports.push(port)
  }

  async #pass(socket: Socket): Promise<void> {
    this.#keep(socket)
    const statuses = await Promise.all(this.#ports.map((port) => statusOf(port)))
    const well = this.#ports.filter((_, index) => statuses[index] === 'ok')
    const port = well[this.#turn++ % well.length]
    if (port === undefined) return void socket.destroy()
    const upstream = this.#keep(connect(port, '127.0.0.1'))
    socket.pipe(upstream).pipe(socket)
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    return socket.on('close', () => this.#sockets.delete(socket))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** What a server says of its health; undefined when it does not answer. */
function statusOf(port: number, agent = new Agent()): Promise<string | undefined> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/healthz', agent }, (response) => {
      let body = ''
      response.on('data', (text: Buffer) => (body += text.toString()))
      response.on('end', () => resolve((JSON.parse(body) as { status: string }).status))
    }).on('error', () => resolve(undefined))
  })
}
