import type pg from 'pg'
import { commonSnapshot, formatSnapshot, isVisibleIn, parseSnapshot, type Snapshot } from '../log/snapshot.ts'
import { streamLog } from '../log/stream-log.ts'
import type { Definition } from '../routing/definition.ts'
import { encodeBatch } from '../routing/encode-batch.ts'
import type { Feed } from '../routing/feed.ts'
import { routeChanges } from '../routing/route-batch.ts'
import { Routes } from '../routing/routes.ts'
import type { Connection } from './connection.ts'
import { EncodedJson } from './encoded-json.ts'
import { nameOf } from './following.ts'
import { groupsOf } from './groups.ts'

/** What a connection is to be told of: all that concerns these subscriptions and is visible in none of the snapshots `seen`. */
export interface Continuation {
  readonly connection: Connection
  readonly seen: readonly string[]
  /** No filters, orders or limits: what these show cannot be told from the log. */
  readonly definitions: readonly Definition[]
}

interface ReplayFeed extends Feed<Connection> {
  readonly seen: readonly Snapshot[]
}

/**
 * Tells connections what happened between positions of before and a later one: the log is read once for all of
 * them, piece by piece, and who misses the same shares one encoding. No more than a piece lies in memory.
 *
 * @param client reads the database as it stood at `to`
 * @param send hands on one message; resolves when there may be more
 * @param isWanted false when nobody is left to be told
 * @throws an error of PostgreSQL's with the code of `position_expired`, before anything is sent
 */
export async function replay(
  client: pg.ClientBase,
  continuations: readonly Continuation[],
  { to, position }: { readonly to: string; readonly position: string },
  send: (connections: readonly Connection[], message: EncodedJson) => Promise<void>,
  isWanted: () => boolean,
): Promise<void> {
  const feeds = feedsOf(continuations)
  const routes = new Routes()
  for (const feed of feeds) routes.add(feed)
  const relations = new Map(feeds.map(({ definition: { relation } }) => [relation.id, relation]))
  const from = commonSnapshot([...new Set(feeds.map(startOf))])
  let part = 0
  for await (const transactions of streamLog(client, formatSnapshot(from), to, [...relations.keys()])) {
    const batch = routeChanges(
      transactions,
      routes,
      (id) => relations.get(id),
      undefined,
      (feed, id) => !isSeen(feed as ReplayFeed, BigInt(id)), // the routes hold no others
    )
    const concerned = batch.feeds.keys() as Iterable<ReplayFeed>
    for (const { feeds, followers } of groupsOf(concerned, (feed) => feed))
      await send(followers, new EncodedJson(encodeBatch(position, batch, feeds, part)))
    part += 1
    if (!isWanted()) return
  }
}

/** One for each thing that is followed and the snapshots that are gone on from, each of which is read once. */
function feedsOf(continuations: readonly Continuation[]): ReplayFeed[] {
  const feeds = new Map<string, ReplayFeed>()
  const snapshots = new Map<string, { readonly snapshot: Snapshot; readonly number: number }>()
  const numbered = (text: string) => {
    const known = snapshots.get(text) ?? { snapshot: parseSnapshot(text), number: snapshots.size }
    snapshots.set(text, known)
    return known
  }
  for (const { connection, seen, definitions } of continuations) {
    const known = seen.map(numbered)
    const numbers = known.map(({ number }) => number)
    for (const definition of definitions) {
      const name = `${numbers.join()}\n${nameOf(definition)}`
      const feed = feeds.get(name) ?? {
        definition,
        followers: new Set(),
        window: null,
        seen: known.map(({ snapshot }) => snapshot),
      }
      feeds.set(name, feed)
      feed.followers.add(connection)
    }
  }
  return [...feeds.values()]
}

/** From where the log is read: what the others show besides is left out of it. */
function startOf({ seen }: ReplayFeed): Snapshot {
  return seen.reduce((one, other) => (one.xmin > other.xmin ? one : other))
}

function isSeen({ seen }: ReplayFeed, xid: bigint): boolean {
  return seen.some((snapshot) => isVisibleIn(snapshot, xid))
}
