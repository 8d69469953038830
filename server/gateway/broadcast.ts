import { formatPosition } from '../../shared/position.ts'
import { isRefusal } from '../db/failures.ts'
import type { Pass } from '../log/log-reader.ts'
import { encodeBatch } from '../routing/encode-batch.ts'
import type { Feed } from '../routing/feed.ts'
import { routeBatch, WindowsUnreadable } from '../routing/route-batch.ts'
import type { RoutedBatch } from '../routing/routed-batch.ts'
import { liveRoom, type GatewayServer, type LiveSession } from './connection.ts'
import { EncodedJson } from './encoded-json.ts'
import type { Following } from './following.ts'

/** Quiet sessions are told this often how far the history has come, so that they can resume from there. */
const progressMs = 1_000

/** Sends what a pass found to the sessions that it concerns. */
export class Broadcast {
  readonly #io: GatewayServer
  readonly #following: Following
  readonly #settle: (unreadable: WindowsUnreadable) => Promise<void>
  #lastProgressAt = 0

  /** @param settle makes sure that what PostgreSQL refuses to read is not asked again for ever */
  constructor(
    io: GatewayServer,
    following: Following,
    settle: (unreadable: WindowsUnreadable) => Promise<void>,
  ) {
    this.#io = io
    this.#following = following
    this.#settle = settle
  }

  /** Fails before anything is sent or noted, or not at all. */
  async deliver(pass: Pass): Promise<void> {
    if (pass.transactions.length === 0) return
    const { batch, shifts } = await this.#route(pass)
    const to = formatPosition({ epoch: pass.epoch, snapshot: pass.to })
    const messages = [...groupsOf(batch)].map(({ feeds, sessions }) => ({
      sessions,
      message: new EncodedJson(encodeBatch(to, batch, feeds)),
    }))
    // Nothing is awaited and nothing can fail from here on.
    for (const { index, feed, keys } of shifts) index.replaceKeys(feed, keys)
    for (const { sessions, message } of messages) {
      this.#io.to(sessions.map((session) => session.room)).emit('batch', message)
      for (const session of sessions) for (const connection of session.connections) connection.keep(message)
    }
    this.#sendProgress(to)
  }

  async #route(pass: Pass): ReturnType<typeof routeBatch> {
    const { routes } = this.#following
    try {
      return await routeBatch(pass.transactions, routes, (id) => this.#following.relation(id), pass.client)
    } catch (error) {
      if (error instanceof WindowsUnreadable && isRefusal(error.cause)) await this.#settle(error)
      throw error // and the pass is repeated
    }
  }

  #sendProgress(to: string): void {
    const now = performance.now()
    if (now - this.#lastProgressAt < progressMs) return
    this.#lastProgressAt = now
    this.#io.to(liveRoom).emit('progress', new EncodedJson(JSON.stringify({ to })))
  }
}

interface Group {
  readonly feeds: Feed<LiveSession>[]
  readonly sessions: LiveSession[]
}

/** Sessions that a batch concerns through the same feeds get the same, and share one encoding. */
function groupsOf(batch: RoutedBatch): Iterable<Group> {
  const bySession = new Map<LiveSession, Feed<LiveSession>[]>()
  for (const feed of batch.feeds.keys() as Iterable<Feed<LiveSession>>)
    for (const session of feed.followers) {
      const feeds = bySession.get(session)
      if (feeds) feeds.push(feed)
      else bySession.set(session, [feed])
    }
  const groups = new Map<string, Group>()
  for (const [session, feeds] of bySession) {
    const name = feeds.map((feed) => feed.definition.id).join('\n')
    const group = groups.get(name)
    if (group) group.sessions.push(session)
    else groups.set(name, { feeds, sessions: [session] })
  }
  return groups.values()
}
