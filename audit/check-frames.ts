import { Decoder, PacketType, type Packet } from 'socket.io-parser'
import * as v from 'valibot'
import type { KeyText, Row } from '../shared/change.ts'
import type { Position } from '../shared/position.ts'
import {
  batchShape,
  progressShape,
  snapshotShape,
  type Attached,
  type Batch,
  type Reply,
  type Snapshot,
  type Subscribed,
} from '../shared/protocol.ts'
import { attachSchema, subscribeSchema } from '../shared/requests.ts'
import { parseAs } from '../shared/shape.ts'
import { ActingAs } from './acting-as.ts'
import { identityText, type CheckParts } from './check-parts.ts'
import type { LeakKind } from './findings.ts'
import type { ClientRecords } from './records.ts'
import { markerRelation } from './tables.ts'

/** What writers write as content: it occurs once, and says whose sight it was in. */
const tokenPattern = /tk[0-9a-z]{4,}q/g

/**
 * Judges every byte that a client was sent: each row and field must have been in its identity's sight at a moment between
 * the position of before and that of the message; only rows that it had been given may be said to be gone; and
 * wherever text of a row stands, in an error too, it must have been readable some time.
 */
export function checkFrames(client: ClientRecords, parts: CheckParts): void {
  const judge = new FrameJudge(client, parts)
  for (const record of client.records) {
    judge.acting.take(record)
    if (record.kind === 'opened') judge.open()
    else if (record.kind === 'sent' || record.kind === 'received') judge.take(record)
  }
}

/** Keys that a client has been given, by subscription. */
type Given = Map<string, Set<KeyText>>

class FrameJudge {
  readonly acting = new ActingAs()
  readonly #client: ClientRecords
  readonly #parts: CheckParts
  readonly #texts: ReadableTexts
  readonly #own = new Set<string>()
  /** Relations by subscription id, as the server has named them in its answers. */
  readonly #relations = new Map<string, string>()
  readonly #requests = new Map<number, unknown[]>()
  /** Whose rows are just coming, in several messages. */
  readonly #arriving = new Set<string>()
  #given: Given = new Map()
  /** What it has shown, and keeps when what came since is void. */
  #shown: Given = new Map()
  /** The same by position: what it was sent as it hung up it has not shown, and asks for again. */
  readonly #shownAt = new Map<Position, Given>()
  #isHoldingBack = true
  /** The last commit that it has been told of; what is sent is later. */
  #toldOf = -1
  #frame = { at: 0, text: '' }

  constructor(client: ClientRecords, parts: CheckParts) {
    this.#client = client
    this.#parts = parts
    this.#texts = new ReadableTexts(parts)
  }

  open(): void {
    this.#isHoldingBack = true
    this.#requests.clear()
  }

  take({ at, kind, text }: { at: number; kind: 'sent' | 'received'; text: string }): void {
    this.#frame = { at, text }
    const packet = decode(text)
    if (kind === 'sent') {
      for (const [token] of text.matchAll(tokenPattern)) this.#own.add(token)
      if (packet?.id !== undefined && Array.isArray(packet.data)) this.#requests.set(packet.id, packet.data)
      if (Array.isArray(packet?.data) && packet.data[0] === 'attach') this.#attach(packet.data[1])
      return
    }
    const { counts } = this.#parts
    counts.frames++
    counts.bytes += text.length
    let to = this.#parts.history.last
    if (packet?.type === PacketType.ACK && Array.isArray(packet.data)) this.#answer(packet.id, packet.data[0])
    if (packet?.type === PacketType.EVENT && Array.isArray(packet.data)) {
      const [event, message] = packet.data as [string, unknown]
      if (event === 'batch') to = this.#batch(parseAs(batchShape, message, event))
      else if (event === 'snapshot') to = this.#snapshot(parseAs(snapshotShape, message, event))
      else if (event === 'progress') this.#progress(parseAs(progressShape, message, event).to)
      else if (event === 'catch_up') this.#startOver()
    }
    this.#checkTexts(text, to)
  }

  #attach(message: unknown): void {
    const request = v.parse(attachSchema, message)
    this.#toldOf = request.position === undefined ? -1 : this.#indexAt(request.position)
    this.#shown = this.#shownAt.get(request.position ?? '') ?? new Map<string, Set<KeyText>>()
    this.#startOver()
  }

  #answer(id: number | undefined, reply: unknown): void {
    const [name, request] = this.#requests.get(id ?? -1) ?? []
    const answer = reply as Reply<unknown>
    if (!answer.ok) return
    if (name === 'subscribe') {
      const { subscription } = v.parse(subscribeSchema, request)
      const { id, relation } = answer.value as Subscribed
      this.#relations.set(id, relation ?? subscription.relation)
    }
    if (name === 'attach')
      for (const subscribed of (answer.value as Attached).subscriptions)
        if (subscribed.ok) this.#relations.set(subscribed.value.id, subscribed.value.relation)
  }

  #batch(batch: Batch): number {
    const to = this.#indexAt(batch.to)
    for (const { changes } of batch.transactions)
      for (const change of changes) {
        const ids = change.for.map((i) => batch.subscriptions[i] ?? '')
        if (change.op === 'row_delete') this.#delete(change.relation, change.key, ids, to)
        else {
          this.#value(
            change.relation,
            change.key,
            change.op === 'row_insert' ? change.row : change.fields,
            to,
          )
          for (const id of ids) this.#givenOf(id).add(change.key)
        }
      }
    if (!this.#isHoldingBack) this.#tell(batch.to)
    return to
  }

  #snapshot({ subscription, to: position, rows, done }: Snapshot): number {
    const to = this.#indexAt(position)
    if (!this.#arriving.has(subscription)) this.#given.delete(subscription) // it replaces what there was
    if (done) this.#arriving.delete(subscription)
    else this.#arriving.add(subscription)
    const relation = this.#relations.get(subscription)
    if (relation === undefined) this.#found('unseen', `rows of ${subscription}, which it does not follow`, to)
    for (const [key, row] of rows) {
      if (relation !== undefined) this.#value(relation, key, row, to, to)
      this.#givenOf(subscription).add(key)
    }
    if (done && !this.#isHoldingBack) this.#shown.set(subscription, new Set(this.#givenOf(subscription)))
    return to
  }

  #progress(position: Position): void {
    this.#isHoldingBack = false
    this.#tell(position)
  }

  #tell(position: Position): void {
    this.#toldOf = Math.max(this.#toldOf, this.#indexAt(position))
    this.#shown = copyOf(this.#given)
    this.#shownAt.set(position, this.#shown)
  }

  /** What came since the last progress counts for nothing. */
  #startOver(): void {
    this.#isHoldingBack = true
    this.#arriving.clear()
    this.#given = copyOf(this.#shown)
  }

  #value(relation: string, key: KeyText, row: Row, to: number, after = this.#toldOf + 1): void {
    const { history, counts, graceMs } = this.#parts
    if (relation === markerRelation) return
    counts.values++
    let [first, last] = [Math.min(after, to), to]
    const change = history.changeOfRights(this.#frame.at, graceMs)
    if (change) [first, last] = [Math.min(first, change.since), history.last]
    for (const identity of this.acting.identities)
      for (const { rows } of history.sights(first, last, identity, relation)) {
        const seen = rows.get(key)
        if (seen && isPartOf(row, seen)) return
      }
    if (change && this.#wasAllowed(relation, row)) {
      counts.loose++
      return
    }
    const now = history.sight(to, this.acting.identities[0], relation)
    this.#found(
      'unseen',
      `${relation} ${key} ${JSON.stringify(row)}, where select returns ${JSON.stringify(now?.rows.get(key) ?? null)}`,
      to,
    )
  }

  /**
   * While a change of rights is taking effect, what was written meanwhile may be shown to whoever would have seen it
   * before. That cannot be asked of PostgreSQL any more, so it is enough that the columns were allowed.
   */
  #wasAllowed(relation: string, row: Row): boolean {
    const { history, graceMs } = this.#parts
    const { at } = this.#frame
    const [first, last] = history.inForce(at - graceMs, at)
    for (const identity of this.acting.identities)
      for (let i = first; i <= last; i++) {
        const sight = history.sight(i, identity, relation)
        if (sight && Object.keys(row).every((column) => sight.columns.has(column))) return true
      }
    return false
  }

  /**
   * Of a row that it could read it may be told before, or without, being given it: it may have unsubscribed meanwhile. Which
   * subscriptions the message names, if any, excuses nothing: what is meant for another session names that one's.
   */
  #delete(relation: string, key: KeyText, ids: readonly string[], to: number): void {
    this.#parts.counts.deletes++
    const others = ids.filter((id) => !this.#givenOf(id).delete(key))
    if (ids.length > 0 && others.length === 0) return
    if (this.#couldRead(relation, key, to)) return
    this.#found('foreign_delete', `${relation} ${key}, of ${others.join(', ') || 'no subscription'}`, to)
  }

  #couldRead(relation: string, key: KeyText, to: number): boolean {
    for (const identity of this.acting.identities)
      for (const { rows } of this.#parts.history.sights(this.#toldOf, to, identity, relation))
        if (rows.has(key)) return true
    return false
  }

  #checkTexts(text: string, to: number): void {
    const { history, graceMs } = this.#parts
    const isLoose = history.changeOfRights(this.#frame.at, graceMs) !== undefined
    for (const [token] of text.matchAll(tokenPattern)) {
      const first = Math.min(
        ...this.acting.identities.map((identity) => this.#texts.firstReadableAt(identity, token)),
      )
      if (first <= to || this.#own.has(token) || isLoose) continue
      this.#found('text', `${token} could not be read by then`, to)
    }
  }

  #indexAt(position: Position): number {
    return this.#parts.history.indexAt(position)
  }

  #givenOf(id: string): Set<KeyText> {
    let keys = this.#given.get(id)
    if (!keys) this.#given.set(id, (keys = new Set()))
    return keys
  }

  #found(kind: LeakKind, message: string, index: number): void {
    const { findings, identities, history } = this.#parts
    const identity = identities[this.acting.identities[0]]
    findings.add({
      kind,
      client: this.#client.name,
      identity: identity ? identityText(identity) : '',
      message,
      commit: history.commits[index]?.what ?? '',
      frame: this.#frame.text,
    })
  }
}

/** From which commit on an identity could have read a text somewhere. */
class ReadableTexts {
  readonly #parts: CheckParts
  readonly #ofIdentities = new Map<number, Map<string, number>>()

  constructor(parts: CheckParts) {
    this.#parts = parts
  }

  firstReadableAt(identity: number, text: string): number {
    let firsts = this.#ofIdentities.get(identity)
    if (!firsts) this.#ofIdentities.set(identity, (firsts = this.#read(identity)))
    return firsts.get(text) ?? Infinity
  }

  #read(identity: number): Map<string, number> {
    const { history, tables } = this.#parts
    const firsts = new Map<string, number>()
    const looked = new Set<unknown>()
    for (let i = 0; i <= history.last; i++)
      for (const { relation } of tables)
        for (const sight of history.sights(i, i, identity, relation)) {
          if (looked.has(sight)) continue
          looked.add(sight)
          for (const row of sight.rows.values())
            for (const value of Object.values(row))
              if (typeof value === 'string' && !firsts.has(value)) firsts.set(value, i)
        }
    return firsts
  }
}

function decode(text: string): Packet | undefined {
  let packet: Packet | undefined
  const decoder = new Decoder()
  decoder.on('decoded', (decoded: Packet) => (packet = decoded))
  try {
    decoder.add(text)
  } catch {
    return undefined // no packet of Socket.IO's: its text is looked through all the same
  }
  return packet
}

function copyOf(given: Given): Given {
  return new Map([...given].map(([id, keys]) => [id, new Set(keys)]))
}

function isPartOf(row: Row, seen: Row): boolean {
  return Object.entries(row).every(([column, value]) => Object.hasOwn(seen, column) && seen[column] === value)
}
