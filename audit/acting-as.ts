import type { ClientRecord } from './records.ts'

/** Somebody is to become another, and has asked for it. */
interface Renewal {
  readonly identity: number
  /** The number of the request, once it has been sent. */
  request?: string
  isAccepted: boolean
}

/** As whom a connection acts, as its records go by. */
export class ActingAs {
  #identity = 0
  /** One may follow upon the other before all has been read afresh. */
  #renewals: Renewal[] = []

  /** It is one; or it is about to become another, and may be sent what any of them sees. */
  get identities(): readonly [number, ...number[]] {
    return [this.#identity, ...this.#renewals.map(({ identity }) => identity)]
  }

  take(record: ClientRecord): void {
    if (record.kind === 'opened') {
      this.#identity = record.identity
      this.#renewals = []
    } else if (record.kind === 'renewing')
      this.#renewals.push({ identity: record.identity, isAccepted: false })
    else if (record.kind === 'sent') this.#ask(record.text)
    else if (record.kind === 'received') this.#hear(record.text)
  }

  #ask(text: string): void {
    const request = /^2(\d+)\["authenticate"/.exec(text)?.[1]
    const renewal = this.#renewals.find((each) => each.request === undefined)
    if (request !== undefined && renewal) renewal.request = request
  }

  #hear(text: string): void {
    const answered = this.#renewals.find(({ request }) => request && text.startsWith(`3${request}[`))
    if (answered && text.startsWith(`3${answered.request}[{"ok":true`)) answered.isAccepted = true
    else if (answered) this.#renewals = this.#renewals.filter((each) => each !== answered)
    // From here on all that it is sent is what the last who was accepted sees.
    const last = this.#renewals.findLast(({ isAccepted }) => isAccepted)
    if (last && text.startsWith('2["progress"')) {
      this.#identity = last.identity
      this.#renewals = this.#renewals.slice(this.#renewals.indexOf(last) + 1)
    }
  }
}
