import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import {
  defaultPath,
  type Attached,
  type ClientToServerEvents,
  type Lasting,
  type Reply,
  type ServerToClientEvents,
} from '../../shared/protocol.ts'
import { ModelServer, type ModelConnection } from './model-server.ts'

/** The model server behind real sockets. It can be stopped, and started again on the same port. */
export class SocketServer implements AsyncDisposable {
  readonly model: ModelServer
  /** What each connection brought as `auth`, in order. */
  readonly handshakes: Record<string, unknown>[] = []
  readonly sockets: Socket[] = []
  /** Refuses a handshake, if it returns a code. */
  refuse: (auth: Record<string, unknown>) => string | undefined = () => undefined
  /** Answers `attach` in place of the model, if it returns an answer. */
  answer: (request: unknown) => Reply<Attached> | undefined = () => undefined
  /** Answers `authenticate`; and says how long clients last, when they attach. */
  renew: (auth: Record<string, unknown>) => Reply<Lasting> = () => ({ ok: true, value: {} })
  lasting: Lasting = {}
  /** Answers nothing, as a server that hangs. */
  isSilent = false
  connection: ModelConnection | undefined
  #io: Server<ClientToServerEvents, ServerToClientEvents> | undefined
  #port = 0

  constructor(model: ModelServer) {
    this.model = model
  }

  static async start(model = new ModelServer(['public.person'])): Promise<SocketServer> {
    const server = new SocketServer(model)
    await server.start()
    return server
  }

  get url(): string {
    return `http://localhost:${this.#port}`
  }

  async start(): Promise<void> {
    const http = createServer()
    const io = new Server<ClientToServerEvents, ServerToClientEvents>(http, { path: defaultPath })
    this.#io = io
    io.use((socket, next) => {
      this.handshakes.push(socket.handshake.auth)
      const code = this.refuse(socket.handshake.auth)
      next(code ? Object.assign(new Error(code), { data: { code, message: `refused: ${code}` } }) : undefined)
    })
    io.on('connection', (socket) => {
      const connection = this.model.connect((name, message) => (socket as Socket).emit(name, message))
      this.connection = connection
      this.sockets.push(socket)
      socket.on('attach', (request, reply) => {
        const answer = this.answer(request)
        if (this.isSilent) return
        if (answer) reply(answer)
        else
          connection.attach(request, (result) =>
            reply(result.ok ? { ok: true, value: { ...result.value, ...this.lasting } } : result),
          )
      })
      socket.on('authenticate', ({ auth }, reply) => {
        if (!this.isSilent) reply(this.renew(auth))
      })
      socket.on('subscribe', (request, reply) => {
        if (!this.isSilent) connection.subscribe(request, reply)
      })
      socket.on('unsubscribe', (request, reply) => {
        connection.unsubscribe(request)
        reply({ ok: true, value: null })
      })
      socket.on('ack', (request, reply) => {
        connection.acknowledge(request)
        reply({ ok: true, value: null })
      })
      socket.on('disconnect', () => connection.close())
    })
    await new Promise<void>((resolve) => http.listen(this.#port, resolve))
    this.#port = (http.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.#io?.disconnectSockets(true)
    await this.#io?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
