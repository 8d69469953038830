import type pg from 'pg'
import type { Logger } from 'pino'
import type { KeyText } from '../../shared/change.ts'
import { formatPosition } from '../../shared/position.ts'
import { isRefusal } from '../db/failures.ts'
import type { Pass } from '../log/log-reader.ts'
import { readLog } from '../log/read-log.ts'
import { shapeOf, type Definition } from '../routing/definition.ts'
import type { Query } from '../routing/query.ts'
import { encodeBatch } from '../routing/encode-batch.ts'
import type { Feed } from '../routing/feed.ts'
import { routeBatch } from '../routing/route-batch.ts'
import { Routes } from '../routing/routes.ts'
import { readWindowKeys } from '../routing/shift-windows.ts'
import { assume, type Identity } from '../session/identity.ts'
import type { Connection } from './connection.ts'
import { EncodedJson } from './encoded-json.ts'
import type { Following } from './following.ts'
import { readSnapshot } from './read-snapshot.ts'
import type { SnapshotReader, SnapshotReaders } from './snapshot-readers.ts'

/** What a connection waits for: to begin, at the next batch boundary, to follow something. */
export interface Arrival {
  readonly connection: Connection
  /** To be given from the beginning, with a snapshot. */
  readonly fresh: readonly Definition[]
  /** To be continued from a snapshot of before, with what was missed. */
  readonly continued: readonly Definition[]
  readonly from: string | null
  /** The connection has just attached: it shows nothing until it is told that it has everything. */
  readonly isAttach: boolean
}

type WaitingArrival = Arrival & { readonly since: number }

/** So many begin at one boundary at the most: the live stream waits while they are let in. */
const arrivalsPerBoundary = 100
const snapshotsPerReader = 4
const retryMs = 500

/**
 * Lets connections begin at a batch boundary: what they follow is read on other connections, in the very
 * snapshot at which the reader stands, while the reader goes on. So all that a session follows stands
 * at one position together, with no gap and nothing double.
 */
export class Welcome {
  readonly #following: Following
  readonly #readers: SnapshotReaders
  readonly #logger: Logger
  readonly #wake: () => void
  readonly #serving = new Set<Promise<void>>()
  #waiting: WaitingArrival[] = []
  #notBefore = 0

  constructor(following: Following, readers: SnapshotReaders, logger: Logger, wake: () => void) {
    this.#following = following
    this.#readers = readers
    this.#logger = logger
    this.#wake = wake
  }

  await(arrival: Arrival): void {
    this.#waiting.push({ ...arrival, since: performance.now() })
    this.#wake()
  }

  /** True if a boundary would let somebody in. */
  get isAwaited(): boolean {
    return this.#readers.available > 0 && performance.now() >= this.#notBefore && this.#waiting.some(canBegin)
  }

  /** Lets in who waits: everything up to the pass's end has been delivered, nothing after it has. */
  async begin(pass: Pass): Promise<void> {
    this.#waiting = this.#waiting.filter((arrival) => arrival.connection.isOpen)
    if (!this.isAwaited) return
    const arrivals = this.#take(pass)
    if (arrivals.length === 0) return
    const definitions = new Map(arrivals.flatMap((arrival) => wantedOf(arrival).map((d) => [d.id, d])))
    try {
      const count = Math.max(1, Math.ceil(definitions.size / snapshotsPerReader))
      const readers = await this.#open(count, pass)
      if (readers.length === 0) {
        this.#waiting.unshift(...arrivals)
        return
      }
      const windows = await this.#readNewWindows(pass.client, [...definitions.values()]).catch(
        async (error) => {
          await Promise.all(readers.map((reader) => reader.release()))
          throw error
        },
      )
      // Nothing is awaited from here until all have their feeds, so the next batch reaches every one.
      for (const { connection, ...arrival } of arrivals) {
        if (!connection.isOpen) continue // gone meanwhile
        connection.leaveRooms()
        for (const definition of [...arrival.continued, ...arrival.fresh]) {
          const window = windows.get(definition.id)
          if (window instanceof Error) this.#end(connection, definition, window)
          else if (!connection.wanted.has(definition.id)) continue
          else if (hasWindow(definition) && !window && !this.#following.has(definition))
            // Its last follower has left meanwhile, and nobody knows any more what it shows: at the next boundary.
            this.await({ connection, fresh: [definition], continued: [], from: null, isAttach: false })
          else this.#following.follow(connection, definition, window ?? new Set())
        }
      }
      const serving = this.#serve(arrivals, readers, pass.epoch, pass.to).finally(() =>
        this.#serving.delete(serving),
      )
      this.#serving.add(serving)
    } catch (error) {
      this.#waiting.unshift(...arrivals)
      throw error
    }
  }

  /** Resolves when the snapshots under way have been read. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#serving)
  }

  /** None if none can be had now: those who wait go on waiting, and the live stream goes on. */
  async #open(count: number, pass: Pass): Promise<SnapshotReader[]> {
    const snapshotId = await pass.exportSnapshot()
    try {
      return await this.#readers.open(count, snapshotId)
    } catch (error) {
      this.#logger.warn({ err: error, delayMs: retryMs }, 'no connection to read snapshots; trying again')
      this.#notBefore = performance.now() + retryMs
      setTimeout(this.#wake, retryMs).unref()
      return []
    }
  }

  /** A connection that is still catching up begins anew at a later boundary: its backlog comes first. */
  #take(pass: Pass): WaitingArrival[] {
    const taken = new Map<Connection, WaitingArrival>()
    const left: WaitingArrival[] = []
    for (const arrival of this.#waiting) {
      // Another server may have shown it what this pass does not see yet: it must not go back.
      const isSeen = arrival.since < pass.startedAt
      const isNext =
        isSeen && canBegin(arrival) && !taken.has(arrival.connection) && taken.size < arrivalsPerBoundary
      if (isNext) taken.set(arrival.connection, arrival)
      else left.push(arrival)
    }
    this.#waiting = left
    return [...taken.values()]
  }

  /** What the filtered, ordered and limited tables show at this boundary that nobody has followed yet. */
  async #readNewWindows(
    client: pg.ClientBase,
    definitions: readonly Definition[],
  ): Promise<Map<string, Set<KeyText> | Error>> {
    const windows = new Map<string, Set<KeyText> | Error>()
    for (const definition of definitions) {
      if (!hasWindow(definition) || this.#following.has(definition)) continue
      const window = { query: definition.query, keys: new Set<KeyText>() }
      await client.query('savepoint new_window')
      try {
        windows.set(definition.id, await readWindowKeys(client, definition.relation, { window }))
        await client.query('release savepoint new_window')
      } catch (error) {
        await client.query('rollback to savepoint new_window; release savepoint new_window')
        if (!isRefusal(error)) throw error
        windows.set(definition.id, error instanceof Error ? error : new Error(String(error)))
      }
    }
    return windows
  }

  async #serve(
    arrivals: readonly Arrival[],
    readers: readonly SnapshotReader[],
    epoch: string,
    to: string,
  ): Promise<void> {
    const position = formatPosition({ epoch, snapshot: to })
    const tasks = [...this.#catchUps(arrivals, position, to), ...this.#snapshots(arrivals, position)]
    await Promise.all(
      readers.map(async (reader) => {
        for (let task = tasks.shift(); task; task = tasks.shift()) await task(reader)
        await reader.release()
      }),
    )
    for (const { connection, isAttach } of arrivals) {
      if (!connection.isOpen) continue
      if (isAttach) connection.send('progress', { to: position })
      connection.joinRooms()
    }
    this.#wake()
  }

  /** One task for each connection that continues. */
  *#catchUps(
    arrivals: readonly Arrival[],
    position: string,
    to: string,
  ): Iterable<(reader: SnapshotReader) => Promise<void>> {
    for (const { connection, continued, from } of arrivals) {
      if (from === null || continued.length === 0) continue
      yield async (reader) => {
        try {
          await reader.attempt((client) => sendMissed(client, connection, continued, from, position, to))
        } catch (error) {
          this.#lose(connection, error)
        }
      }
    }
  }

  /** One task for each thing that is to be read, whoever waits for it. */
  *#snapshots(
    arrivals: readonly Arrival[],
    position: string,
  ): Iterable<(reader: SnapshotReader) => Promise<void>> {
    const waiting = new Map<
      string,
      { definition: Definition; identity: Identity; connections: Connection[] }
    >()
    for (const arrival of arrivals)
      for (const definition of arrival.fresh) {
        const { identity } = arrival.connection
        const name = JSON.stringify([definition.id, identity])
        const known = waiting.get(name)
        if (known) known.connections.push(arrival.connection)
        else waiting.set(name, { definition, identity, connections: [arrival.connection] })
      }
    for (const { definition, identity, connections } of waiting.values())
      yield async (reader) => {
        try {
          await reader.attempt(async (client) => {
            await assume(client, identity)
            const head = `{"subscription":${JSON.stringify(definition.id)},"to":${JSON.stringify(position)},"shape":${JSON.stringify(shapeOf(definition))},"rows":[`
            for await (const { rows, isLast } of readSnapshot(client, definition)) {
              const message = new EncodedJson(`${head}${rows.join(',')}],"done":${isLast}}`)
              for (const connection of connections)
                if (connection.feeds.has(definition.id)) connection.socket.emit('snapshot', message)
            }
          })
        } catch (error) {
          for (const connection of connections)
            if (isRefusal(error)) this.#end(connection, definition, error)
            else this.#lose(connection, error)
        }
      }
  }

  /** For want of a database the client comes back later, and starts from where it was. */
  #lose(connection: Connection, error: unknown): void {
    this.#logger.error({ err: error }, 'could not read for a client')
    connection.socket.disconnect(true)
  }

  #end(connection: Connection, definition: Definition, error: unknown): void {
    this.#logger.warn({ err: error, subscription: definition.id }, 'a subscription could not be read')
    this.#following.end(connection, definition.id, error)
  }
}

function hasWindow(definition: Definition): definition is Definition & { kind: 'table'; query: Query } {
  return definition.kind === 'table' && definition.query !== null
}

function canBegin({ connection, isAttach }: Arrival): boolean {
  return isAttach || !connection.isCatchingUp
}

function wantedOf({ connection, fresh, continued }: Arrival): Definition[] {
  return [...fresh, ...continued].filter((definition) => connection.wanted.has(definition.id))
}

/** Sends one batch with all that concerns these subscriptions since `from`. */
async function sendMissed(
  client: pg.ClientBase,
  connection: Connection,
  definitions: readonly Definition[],
  from: string,
  position: string,
  to: string,
): Promise<void> {
  const routes = new Routes()
  const feeds = definitions.map((definition): Feed => ({ definition, followers: new Set(), window: null }))
  for (const feed of feeds) routes.add(feed)
  const relations = new Map(definitions.map(({ relation }) => [relation.id, relation]))
  const transactions = await readLog(client, from, to, [...relations.keys()])
  const { batch } = await routeBatch(transactions, routes, (id) => relations.get(id), client)
  const concerned = feeds.filter((feed) => batch.feeds.has(feed))
  if (concerned.length > 0)
    connection.socket.emit('batch', new EncodedJson(encodeBatch(position, batch, concerned)))
}
