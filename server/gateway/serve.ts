import type pg from 'pg'
import type { SubscriptionId } from '../../shared/subscription.ts'
import { Breather } from '../breather.ts'
import { isRefusal } from '../db/failures.ts'
import type { Metrics } from '../metrics.ts'
import { readStates, type RelationInfo } from '../routing/catalogue.ts'
import { shapeOf, type Definition } from '../routing/definition.ts'
import type { Feed } from '../routing/feed.ts'
import { assume, type Identity } from '../session/identity.ts'
import type { Audience, Connection } from './connection.ts'
import type { Missing } from './missing.ts'
import { EncodedJson } from './encoded-json.ts'
import { nameOf } from './following.ts'
import { pace } from './pace.ts'
import {
  areFew,
  orLimit,
  readSnapshot,
  readSnapshots,
  setTimeLimit,
  type SnapshotLimits,
} from './read-snapshot.ts'
import { replay, type Continuation } from './replay.ts'
import { forMany } from './send-to-many.ts'
import type { SnapshotReader } from './snapshot-readers.ts'

/** Where the reader stood: a snapshot, and the position that clients are told. */
export interface Boundary {
  readonly to: string
  readonly position: string
}

/** What may be read, and what to do where that is refused. */
export interface Refusals {
  readonly limits: SnapshotLimits
  readonly metrics: Pick<Metrics, 'sent' | 'snapshotRead' | 'snapshotFailed'>
  /** Looks whether the relation, or who may read it, is another than was thought, and sees to those who follow it. */
  hasChanged(relationId: number): Promise<boolean>
  /** Ends a subscription. */
  end(connection: Connection, definition: Definition, error: unknown): void
}

/** So many subscriptions, and so many rows, are read in one question. */
const snapshotsAtOnce = 50
const rowsTogether = 200

interface Addressed {
  readonly to: readonly Connection[]
  isRecipient(connection: Connection): boolean
  readonly event: 'batch' | 'snapshot'
  readonly message: EncodedJson
}

/** What is read in one question, whoever waits for it. */
type Task = (reader: SnapshotReader) => Promise<void>

/**
 * Gives connections what they miss up to a boundary. What several wait for is read once: the log for all who go
 * on from where they were, and the rows of each subscription for all who may see the same.
 *
 * @param readers read the database as it stood at the boundary; they are released as they get free
 * @returns who could not be given all of it, and why: all of it is to be given again
 */
export async function serve(
  connections: readonly Connection[],
  readers: readonly SnapshotReader[],
  boundary: Boundary,
  { limits, metrics, hasChanged, end }: Refusals,
): Promise<ReadonlyMap<Connection, unknown>> {
  const failed = new Map<Connection, unknown>()
  const isWanted = (connection: Connection): boolean => connection.isOpen && !failed.has(connection)
  /** In turns: others are served between. Who is still to be sent it is looked up when it is his. */
  const sendAll = async (reader: SnapshotReader, messages: readonly Addressed[]): Promise<void> => {
    const recipients = new Set<Connection>()
    const breather = new Breather()
    for (const { to, isRecipient, event, message } of messages) {
      const sendTo = forMany(event, message)
      let count = 0
      for (const connection of to) {
        if (breather.isDue) await breather.rest()
        if (!isRecipient(connection)) continue
        connection.count(message)
        sendTo(connection.socket)
        recipients.add(connection)
        count++
      }
      metrics.sent(event, count, message.bytes)
    }
    const isWaitedFor = (slow: readonly Connection[]): boolean =>
      connections.some((connection) => isWanted(connection) && !slow.includes(connection))
    for (const slow of await pace([...recipients], isWaitedFor, () => reader.linger()))
      failed.set(slow, tooSlow)
  }

  const { continuations, snapshots } = workOf(connections, boundary)
  const replayed = deferred()
  const tasks: Task[] = []
  if (continuations.length > 0)
    tasks.push(async (reader) => {
      const told = continuations.map(({ connection }) => connection)
      try {
        await reader.attempt(async (client) => {
          await requireRights(client, continuations, hasChanged)
          await replay(
            client,
            continuations,
            boundary,
            (to, message) => sendAll(reader, [{ to, isRecipient: isWanted, event: 'batch', message }]),
            () => told.some(isWanted),
          )
        })
      } catch (error) {
        metrics.snapshotFailed()
        for (const connection of told) failed.set(connection, error)
      } finally {
        replayed.resolve()
      }
    })
  const isFollowing = (connection: Connection, id: SubscriptionId): boolean =>
    isWanted(connection) && connection.feeds.has(id)
  const alone =
    ({ definition, identity, isAfterReplay, connections: waiting }: SnapshotWork): Task =>
    async (reader) => {
      const { id } = definition
      const isAwaited = (connection: Connection): boolean => isFollowing(connection, id)
      if (isAfterReplay) await replayed.promise
      const startedAt = performance.now()
      let rowCount = 0
      try {
        await reader.attempt(async (client) => {
          await assume(client, identity)
          for await (const { rows, isLast } of readSnapshot(client, definition, limits)) {
            rowCount += rows.length
            const message = encodeSnapshot(definition, boundary, rows, isLast)
            await sendAll(reader, [{ to: waiting, isRecipient: isAwaited, event: 'snapshot', message }])
            if (!waiting.some(isAwaited)) return
          }
        }, setTimeLimit(limits.queryMs))
        metrics.snapshotRead(rowCount, performance.now() - startedAt)
      } catch (failure) {
        metrics.snapshotFailed()
        const error = orLimit(failure, limits)
        // What has changed since it was asked for is asked for again.
        const isFinal = isRefusal(error) && !(await hasChanged(definition.relation.id).catch(() => true))
        // Perhaps what was to be read has just been found to be another: then it is that which is read next.
        const isStill = ({ feeds }: Connection): boolean => {
          const feed = feeds.get(id)
          return feed !== undefined && nameOf(feed.definition) === nameOf(definition)
        }
        // Who has left it meanwhile lacks nothing.
        for (const connection of waiting.filter(isAwaited))
          if (isFinal && isStill(connection)) end(connection, definition, error)
          else failed.set(connection, error)
      }
    }
  const together =
    (works: readonly SnapshotWork[]): Task =>
    async (reader) => {
      const [first] = works
      if (!first) return
      if (first.isAfterReplay) await replayed.promise
      const startedAt = performance.now()
      let shown: string[][]
      try {
        shown = await reader.attempt(async (client) => {
          await assume(client, first.identity)
          return readSnapshots(
            client,
            works.map(({ definition }) => definition),
            limits,
          )
        }, setTimeLimit(limits.queryMs))
      } catch {
        tasks.push(...works.map(alone)) // whose doing is it?
        return
      }
      const messages = works.map(({ definition, connections: waiting }, i): Addressed => ({
        to: waiting,
        isRecipient: (connection) => isFollowing(connection, definition.id),
        event: 'snapshot',
        message: encodeSnapshot(definition, boundary, shown[i] ?? [], true),
      }))
      await sendAll(reader, messages)
      for (const rows of shown) metrics.snapshotRead(rows.length, performance.now() - startedAt)
    }
  for (const works of batchesOf(snapshots)) tasks.push(works.length > 1 ? together(works) : alone(works[0]))

  await Promise.all(
    readers.map(async (reader) => {
      for (let task = tasks.shift(); task; task = tasks.shift()) await task(reader)
      await reader.release()
    }),
  )
  return failed
}

/**
 * The log is read by the server's own right: what is told of it is allowed to those who follow it, as of the boundary.
 *
 * @throws if it may not be: it is asked again what they may follow
 */
async function requireRights(
  client: pg.ClientBase,
  continuations: readonly Continuation[],
  hasChanged: Refusals['hasChanged'],
): Promise<void> {
  const relations = new Map<string, RelationInfo>()
  for (const { definitions } of continuations)
    for (const { relation } of definitions) relations.set(`${relation.id} ${relation.state}`, relation)
  const all = [...relations.values()]
  const states = await readStates(client, all)
  const changed = new Set(all.filter(({ state }, i) => states[i] !== state).map(({ id }) => id))
  for (const id of changed) await hasChanged(id)
  if (changed.size > 0)
    throw new Error('what a client goes on with is another relation, or has other rights, now')
}

/** Why a connection was given no more: it does not take off what it is sent. */
export const tooSlow = Symbol('too slow')

interface SnapshotWork {
  readonly definition: Definition
  readonly identity: Identity
  /** The changes come before the rows. */
  readonly isAfterReplay: boolean
  readonly connections: Connection[]
}

function workOf(
  connections: readonly Connection[],
  { to }: Boundary,
): { continuations: Continuation[]; snapshots: Iterable<SnapshotWork> } {
  const continuations: Continuation[] = []
  const snapshots = new Map<string, SnapshotWork>()
  for (const connection of connections) {
    const { missing, identity, feeds } = connection
    if (!missing) continue
    const { from, inbox } = missing
    const all = [...feeds].map(([id, { definition }]) => ({ id, definition }))
    for (const { id, definition } of all) {
      const seen = inbox.get(id)
      if (seen) continuations.push({ connection, seen, definitions: [definition] })
    }
    const isFresh = freshness(missing, feeds, to)
    const continued = all.filter(({ id }) => !isFresh(id)).map(({ definition }) => definition)
    if (from !== null && from !== to && continued.length > 0)
      continuations.push({ connection, seen: [from], definitions: continued })
    for (const { id, definition } of all) {
      if (!isFresh(id)) continue
      const isAfterReplay = inbox.has(id)
      const name = JSON.stringify([nameOf(definition), isAfterReplay])
      const work = snapshots.get(name)
      if (work) work.connections.push(connection)
      else snapshots.set(name, { definition, identity, isAfterReplay, connections: [connection] })
    }
  }
  return { continuations, snapshots: snapshots.values() }
}

function encodeSnapshot(
  definition: Definition,
  { position }: Boundary,
  rows: readonly string[],
  isLast: boolean,
): EncodedJson {
  return new EncodedJson(
    `{"subscription":${JSON.stringify(definition.id)},"to":${JSON.stringify(position)},"shape":${JSON.stringify(shapeOf(definition))},"rows":[${rows.join(',')}],"done":${isLast}}`,
  )
}

/** What is read in one question: what shows few rows, with others of the same relation that the same sight sees. */
function batchesOf(snapshots: Iterable<SnapshotWork>): (readonly [SnapshotWork, ...SnapshotWork[]])[] {
  const batches: [SnapshotWork, ...SnapshotWork[]][] = []
  const open = new Map<string, { readonly works: [SnapshotWork, ...SnapshotWork[]]; rows: number }>()
  for (const work of snapshots) {
    const rows = rowsOf(work)
    const { relation, sight } = work.definition
    const name = JSON.stringify([relation.id, relation.state, sight.name, work.isAfterReplay])
    const batch = open.get(name)
    if (areFew(rows) && batch && batch.works.length < snapshotsAtOnce && batch.rows + rows <= rowsTogether) {
      batch.works.push(work)
      batch.rows += rows
      continue
    }
    const works: [SnapshotWork] = [work]
    batches.push(works)
    if (areFew(rows)) open.set(name, { works, rows })
  }
  return batches
}

/** How many rows it shows, at the most; as far as that is known. */
function rowsOf({ definition, connections: [first] }: SnapshotWork): number {
  if ('key' in definition) return 1
  return first?.feeds.get(definition.id)?.window?.keys.size ?? Infinity
}

/** What is read afresh: also what has a window, unless the connection stands here already. */
function freshness(
  { from, fresh }: Missing,
  feeds: ReadonlyMap<SubscriptionId, Feed<Audience>>,
  to: string,
): (id: SubscriptionId) => boolean {
  return (id) => from === null || fresh.has(id) || (from !== to && feeds.get(id)?.window !== null)
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}
