import type { Identity } from '../server/session/identity.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'
import type { AuditTable } from './tables.ts'

/** What there was to be checked: a run that had little of it shows little. */
export interface Counts {
  clients: number
  commits: number
  /** Of rights. */
  changesOfRights: number
  /** All that was received, in characters. */
  bytes: number
  frames: number
  /** Inserts, updates and rows of snapshots of which it was looked up that the identity could read them. */
  values: number
  /** Deletes of which it was looked up that the row had been given. */
  deletes: number
  /** Subscriptions compared with `select`, at some position. */
  compared: number
  /** So many of these were not empty. */
  comparedRows: number
  /** Not compared or only loosely judged, since rights had just been changed. */
  loose: number
  /** Subscriptions that were refused, as they had to be. */
  refusals: number
}

export const noCounts = (): Counts => ({
  clients: 0,
  commits: 0,
  changesOfRights: 0,
  bytes: 0,
  frames: 0,
  values: 0,
  deletes: 0,
  compared: 0,
  comparedRows: 0,
  loose: 0,
  refusals: 0,
})

export interface CheckParts {
  readonly history: History
  readonly identities: readonly Identity[]
  readonly tables: readonly AuditTable[]
  /** So long after a change of rights what was allowed before may still be shown. */
  readonly graceMs: number
  readonly counts: Counts
  readonly findings: Findings
}

export function identityText({ role, claims }: Identity): string {
  return `${role} ${JSON.stringify(claims)}`
}
