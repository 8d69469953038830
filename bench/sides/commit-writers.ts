import type { Socket } from 'node:net'
import pg from 'pg'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'

// Writers as applications are: a connection each, one statement a commit, the next when this one is done. They send a prepared
// statement and read no more of the answer than that it is there, as pgbench does, so that they take little of the
// machine from PostgreSQL: what they took would be taken from both sides, and hide what capture costs.

const connections: Connection[] = []

/** Prepares the statements in every connection, and runs each a few times, so that nothing is planned while it is measured. */
async function connect({
  database,
  writers,
  statements,
}: {
  database: string
  writers: number
  statements: readonly string[]
}): Promise<void> {
  for (let i = 0; i < writers; i++) connections.push(await Connection.open(database, statements))
}

/** @returns how many commits each second, and how many in all */
async function write({
  writers,
  statement,
  seconds,
}: {
  writers: number
  statement: number
  seconds: number
}) {
  const startedAt = performance.now()
  const until = startedAt + seconds * 1000
  const counts = await Promise.all(
    connections.slice(0, writers).map((connection) => connection.repeat(statement, until)),
  )
  const commits = counts.reduce((sum, count) => sum + count, 0)
  return { commits, perSecond: (commits / (performance.now() - startedAt)) * 1000 }
}

class Connection {
  readonly #socket: Socket
  readonly #messages: readonly Buffer[]
  #unread: Buffer = Buffer.alloc(0)
  #answered: (error?: Error) => void = () => undefined

  static async open(database: string, statements: readonly string[]): Promise<Connection> {
    const client = new pg.Client(database)
    await client.connect()
    for (const [i, text] of statements.entries())
      for (let run = 0; run < warmUpRuns; run++) await client.query({ name: nameOf(i), text })
    return new Connection(client, statements.length)
  }

  private constructor(client: pg.Client, statements: number) {
    // From here on node-postgres reads nothing of it.
    this.#socket = (client as unknown as { connection: { stream: Socket } }).connection.stream
    this.#socket.removeAllListeners('data')
    this.#socket.on('data', (data: Buffer) => this.#read(data))
    this.#messages = Array.from({ length: statements }, (_, i) => executionOf(nameOf(i)))
  }

  repeat(statement: number, until: number): Promise<number> {
    const message = this.#messages[statement]
    if (!message) throw new Error(`there is no statement ${statement}`)
    return new Promise((resolve, reject) => {
      let commits = 0
      this.#answered = (error) => {
        if (error) return reject(error)
        commits++
        if (performance.now() >= until) resolve(commits)
        else this.#socket.write(message)
      }
      this.#socket.write(message)
    })
  }

  /** Each message is a letter and its length. `Z`: ready for the next; `E`: an error. */
  #read(data: Buffer): void {
    let rest = this.#unread.length === 0 ? data : Buffer.concat([this.#unread, data])
    while (rest.length > 4 && rest.length > rest.readUInt32BE(1)) {
      const end = 1 + rest.readUInt32BE(1)
      const type = String.fromCharCode(rest[0] ?? 0)
      if (type === 'E') this.#answered(new Error(rest.subarray(5, end).toString().replaceAll('\0', ' ')))
      else if (type === 'Z') this.#answered()
      rest = rest.subarray(end)
    }
    this.#unread = rest
  }
}

const warmUpRuns = 3

function nameOf(statement: number): string {
  return `statement ${statement}`
}

/** Bind, Execute and Sync of PostgreSQL's protocol, for a prepared statement without parameters. */
function executionOf(name: string): Buffer {
  const bind = Buffer.from(`\0${name}\0\0\0\0\0\0\0`)
  return Buffer.concat([message('B', bind), message('E', Buffer.alloc(5)), message('S', Buffer.alloc(0))])
}

function message(type: string, content: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeUInt32BE(4 + content.length, 1)
  return Buffer.concat([head, content])
}

answerParent({ connect, write, usage })
