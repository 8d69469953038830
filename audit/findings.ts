export const leakKinds = [
  /** A client was sent what its identity could not have read at that position. */
  'unseen',
  /** A client was told of the delete of a row that it had not been given. */
  'foreign_delete',
  /** Somewhere in what was sent there is text that the identity could never read. */
  'text',
  /** A client shows rows that `select` does not return to its identity at its position: too many, or others. */
  'shown',
] as const
export type LeakKind = (typeof leakKinds)[number]

export const faultKinds = [
  /** A client lacks what `select` returns. */
  'missing',
  /** A subscription was refused, or ended, that PostgreSQL allows. */
  'refused',
  /** A client could not make anything of what it was sent. */
  'client_error',
  /** Something did not come to rest, or there was nothing to check: the run shows nothing. */
  'unchecked',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Finding {
  /** A leak shows somebody what he may not see; the others are faults, and no leaks. */
  readonly kind: LeakKind | FaultKind
  readonly client: string
  readonly identity: string
  readonly message: string
  /** What had committed last, at the position of it. */
  readonly commit: string
  /** What was sent, if it was a message. */
  readonly frame?: string
  readonly times: number
}

export function isLeak({ kind }: Finding): boolean {
  return leakKinds.some((one) => one === kind)
}

/** Keeps the first of a kind of a client: what has gone wrong once goes on being wrong. */
export class Findings {
  readonly #found = new Map<string, Finding>()

  add(finding: Omit<Finding, 'times'>): void {
    const name = JSON.stringify([finding.kind, finding.client])
    const first = this.#found.get(name)
    this.#found.set(name, first ? { ...first, times: first.times + 1 } : { ...finding, times: 1 })
  }

  get all(): Finding[] {
    return [...this.#found.values()]
  }
}

export function describe({ kind, client, identity, message, commit, frame, times }: Finding): string {
  return [
    `${kind}: ${client} as ${identity}: ${message}${times > 1 ? ` (${times} times)` : ''}`,
    `  after: ${commit}`,
    ...(frame === undefined ? [] : [`  sent: ${frame}`]),
  ].join('\n')
}
