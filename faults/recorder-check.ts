import type { Position } from '../shared/position.ts'
import type { Findings } from './findings.ts'
import type { Recorded } from './records.ts'
import { sees, snapshotOf, type Truth } from './truth.ts'

interface RecorderParts {
  readonly client: string
  readonly name: string
  readonly relation: string
  /** Where the page before had come to, if this one goes on with its session. */
  readonly before: Position | undefined
}

/** How what a recorder follows came to a position. */
interface Arrival {
  /** The changes since the session's acknowledged position were asked for: they come before the first rows. */
  readonly hasInbox: boolean
  /** Its rows came afresh, so that changes may be missing, of which it is told then. */
  readonly wasRead: boolean
}

/**
 * Judges what one recorder of a whole table was handed: after each commit exactly the transactions between the
 * store's position before and the one after, each once and each whole, unless it was told of a gap.
 */
export class RecorderCheck {
  readonly #parts: RecorderParts
  readonly #truth: Truth
  readonly #findings: Findings
  #position: Position | undefined
  /** Of each transaction of the last commit the atoms that are still to come. */
  #due = new Map<string, ReadonlySet<string>>()
  #got = new Map<string, string[]>()
  #gap: string | undefined
  /** The last commit may also bring what was before it: the inbox. */
  #isOpen = false
  #wasRead = false
  #changes = 0

  constructor(parts: RecorderParts, truth: Truth, findings: Findings) {
    this.#parts = parts
    this.#truth = truth
    this.#findings = findings
  }

  /** Whether what it records has been ready. */
  get isBegun(): boolean {
    return this.#position !== undefined
  }

  get changes(): number {
    return this.#changes
  }

  /** The store has made a commit in which the subscription is ready. */
  commit(position: Position, { hasInbox, wasRead }: Arrival): void {
    this.settle()
    const { before, relation } = this.#parts
    this.#isOpen = hasInbox && this.#position === undefined
    const from = this.#isOpen ? before : this.#position
    this.#wasRead = wasRead
    this.#position = position
    if (from === undefined) return
    for (const transaction of this.#truth.between(snapshotOf(from), snapshotOf(position))) {
      const atoms = this.#truth.atoms(transaction, relation)
      if (atoms.size > 0) this.#due.set(transaction.xid, atoms)
    }
  }

  take({ changes, gap }: Recorded): void {
    this.#gap ??= gap
    this.#changes += changes.length
    for (const { transaction, op, key } of changes) {
      const atom = `${op} ${key}`
      const atoms = this.#got.get(transaction)
      if (atoms) atoms.push(atom)
      else this.#got.set(transaction, [atom])
    }
  }

  /** All that the last commit brought has come. */
  settle(): void {
    const [due, got, gap] = [this.#due, this.#got, this.#gap]
    this.#due = new Map()
    this.#got = new Map()
    this.#gap = undefined
    if (gap !== undefined && !this.#wasRead)
      this.#add('reset', `it was told of a gap (${gap}) where its rows were not read afresh`)
    for (const [xid, atoms] of due) {
      if (gap !== undefined) break
      const came = new Set(got.get(xid))
      const missing = [...atoms].filter((atom) => !came.has(atom))
      if (missing.length === 0) continue
      if (missing.length === atoms.size) this.#add('lost', `transaction ${xid} was not handed over`)
      else this.#add('torn', `of transaction ${xid} there came no ${missing.slice(0, 3).join(', ')}`)
    }
    for (const [xid, atoms] of got) {
      const repeated = atoms.find((atom, i) => atoms.indexOf(atom) !== i)
      if (repeated !== undefined)
        this.#add('twice', `${repeated} of transaction ${xid} came ${count(atoms, repeated)} times`)
      if (!due.has(xid)) this.#unexpected(xid)
    }
  }

  #unexpected(xid: string): void {
    const position = this.#position
    const transaction = this.#truth.transaction(xid)
    if (!transaction) this.#add('early', `transaction ${xid} was handed over, which nobody committed`)
    else if (position === undefined || !sees(snapshotOf(position), Number(xid)))
      this.#add('early', `transaction ${xid} was handed over, which the position does not see`)
    else if (!this.#isOpen) this.#add('twice', `transaction ${xid} was handed over, which was there before`)
  }

  #add(kind: 'lost' | 'twice' | 'torn' | 'early' | 'reset', message: string): void {
    const { client, name } = this.#parts
    const position = this.#position
    this.#findings.add(kind, { client, subscription: name, ...(position && { position }) }, message)
  }
}

function count(atoms: readonly string[], atom: string): number {
  return atoms.filter((other) => other === atom).length
}
