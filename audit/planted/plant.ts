import { runEdited, type Edit } from '../../test/edited-source.ts'
import type { AuditOptions, AuditOutcome, RunSize } from '../audit.ts'
import type { Finding } from '../findings.ts'

/** A mistake that somebody might make, by which somebody is sent what he may not see. */
export interface PlantedLeak {
  readonly name: string
  /** The audit is to find one of these. */
  readonly kinds: readonly Finding['kind'][]
  /** Tried with every `npm test`; all are by `npm run planted-leaks`. */
  readonly isQuick?: boolean
  readonly edits: readonly Edit[]
  /** Of the worlds in which it does harm. */
  readonly size?: Partial<RunSize>
}

/** Audits a copy of the source in which these edits have been made. */
export async function auditWith(edits: readonly Edit[], options: AuditOptions): Promise<AuditOutcome> {
  const output = await runEdited(edits, 'audit/planted/trial.ts', () => [JSON.stringify(options)])
  return JSON.parse(output) as AuditOutcome
}
