import type { Position } from '../shared/position.ts'
import type { Findings } from './findings.ts'
import type { Recorded } from './records.ts'
import { sees, snapshotOf, type Truth } from './truth.ts'

interface RecorderParts {
  readonly client: string
  readonly name: string
  readonly relation: string
  /** The changes since the session's acknowledged position were asked for. */
  readonly hasInbox: boolean
  /** Where the page before had come to, if this one goes on with its session. */
  readonly before: Position | undefined
}

/**
 * Judges what one recorder of a whole table was handed: after each commit exactly the transactions between the
 * store's position before and the one after, each once and each whole.
 */
export class RecorderCheck {
  readonly #parts: RecorderParts
  readonly #truth: Truth
  readonly #findings: Findings
  #position: Position | undefined
  /** Of each transaction of the last commit the atoms that are still to come. */
  #due = new Map<string, ReadonlySet<string>>()
  #got = new Map<string, string[]>()
  /** The last commit may also bring what was before it: the inbox. */
  #isOpen = false
  #changes = 0

  constructor(parts: RecorderParts, truth: Truth, findings: Findings) {
    this.#parts = parts
    this.#truth = truth
    this.#findings = findings
  }

  get changes(): number {
    return this.#changes
  }

  /** The store has made a commit in which the subscription is ready. `isGap`: it was told of a break, or read afresh. */
  commit(position: Position, isGap: boolean): void {
    this.settle()
    const { hasInbox, before, relation } = this.#parts
    const isFirst = this.#position === undefined
    const from = isFirst ? (hasInbox ? before : undefined) : isGap ? undefined : this.#position
    this.#isOpen = hasInbox && (isFirst || isGap)
    this.#position = position
    // Across a change of epoch there is nothing to count on.
    if (from === undefined || snapshotOf(from).epoch !== snapshotOf(position).epoch) return
    for (const transaction of this.#truth.between(snapshotOf(from), snapshotOf(position))) {
      const atoms = this.#truth.atoms(transaction, relation)
      // What an inbox brings is not held yet, and of what is not held no delete is recorded.
      if (this.#isOpen) for (const atom of atoms) if (atom.startsWith('row_delete ')) atoms.delete(atom)
      if (atoms.size > 0) this.#due.set(transaction.xid, atoms)
    }
  }

  take(changes: Recorded['changes']): void {
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
    const [due, got] = [this.#due, this.#got]
    this.#due = new Map()
    this.#got = new Map()
    for (const [xid, atoms] of due) {
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

  #add(kind: 'lost' | 'twice' | 'torn' | 'early', message: string): void {
    const { client, name } = this.#parts
    const position = this.#position
    this.#findings.add(kind, { client, subscription: name, ...(position && { position }) }, message)
  }
}

function count(atoms: readonly string[], atom: string): number {
  return atoms.filter((other) => other === atom).length
}
