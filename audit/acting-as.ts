import type { ClientRecord } from './records.ts'

/** As whom a connection acts, as its records go by. */
export class ActingAs {
  #identity = 0
  #next: number | undefined
  /** Of the request by which it is to become another. */
  #request: string | undefined
  #isAccepted = false

  /** It is one; or it is about to become another, and may be sent what either sees. */
  get identities(): readonly [number, ...number[]] {
    return this.#next === undefined ? [this.#identity] : [this.#identity, this.#next]
  }

  take(record: ClientRecord): void {
    if (record.kind === 'opened') {
      this.#identity = record.identity
      this.#forget()
    } else if (record.kind === 'renewing') this.#next = record.identity
    else if (record.kind !== 'held' && this.#next !== undefined)
      this.#follow(record.kind, record.text, this.#next)
  }

  #follow(kind: 'sent' | 'received', text: string, next: number): void {
    if (kind === 'sent') {
      this.#request = /^2(\d+)\["authenticate"/.exec(text)?.[1] ?? this.#request
      return
    }
    if (this.#request !== undefined && text.startsWith(`3${this.#request}[`)) {
      if (text.startsWith(`3${this.#request}[{"ok":true`)) this.#isAccepted = true
      else this.#forget()
    }
    // From here on all that it is sent is what the other sees.
    if (this.#isAccepted && text.startsWith('2["progress"')) {
      this.#identity = next
      this.#forget()
    }
  }

  #forget(): void {
    this.#next = undefined
    this.#request = undefined
    this.#isAccepted = false
  }
}
