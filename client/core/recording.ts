import type { RelationName } from '../../shared/change.ts'
import type { Position } from '../../shared/protocol.ts'
import type { ChangeRecord, GapReason } from './change-record.ts'

export type RecordListener = (records: readonly ChangeRecord[]) => void

/**
 * The changes of something that is followed, for those who listen to them: each once, in their order, told with
 * the commit that brings them. Where some are missing, it says so.
 */
export class Recording {
  /** Each with how many it wants of the last: of a million changes in one commit no more are kept than somebody wants. */
  readonly listeners = new Map<RecordListener, number>()
  /** The session's inbox comes before the rows: what has happened since the session last acknowledged. */
  awaitsInbox = false
  #isBegun = false
  #gap: GapReason | undefined
  #records: ChangeRecord[] = []

  /** From some moment on, nothing is missing that is not told to be. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  keep(records: readonly ChangeRecord[]): void {
    for (const record of records) this.#records.push(record)
    const wanted = Math.max(1, ...this.listeners.values())
    if (this.#records.length > 2 * wanted) this.#records = this.#records.slice(-wanted)
  }

  /** The server cannot tell what has happened up to the rows that come next. */
  interrupt(reason: GapReason): void {
    if (this.#isBegun || this.awaitsInbox) this.#gap = reason
  }

  /** It follows what is held as it stands now. */
  begin(): void {
    this.#isBegun = true
  }

  /**
   * Rows have come, and with them whatever had happened up to a position.
   *
   * @param isContinuous all of it had been told before
   */
  resume(relation: RelationName, position: Position, isContinuous: boolean): void {
    const reason = this.#gap ?? (this.#isBegun && !isContinuous ? 'refreshed' : undefined)
    if (reason) this.#records.push({ op: 'gap', reason, position, relation })
    this.#gap = undefined
    this.#isBegun = true
    this.awaitsInbox = false
  }

  /** Hands on what has been kept. */
  tell(): void {
    const records = this.#records
    if (records.length === 0) return
    this.#records = []
    for (const [listener, last] of [...this.listeners]) listener(records.slice(-last))
  }
}
