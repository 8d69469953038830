import { join } from 'node:path'
import { runEdited, type Edit } from '../../test/edited-source.ts'
import type { Counts } from '../check.ts'
import type { Violation, ViolationKind } from '../findings.ts'
import type { RunOptions } from '../harness.ts'

/** A mistake that somebody might make, and a run in which it does harm. */
export interface PlantedBug {
  readonly name: string
  /** The checker is to name one of these. */
  readonly kinds: readonly ViolationKind[]
  /** One for each kind of harm is tried with every `npm test`; all are by `npm run faults -- --planted`. */
  readonly isQuick?: boolean
  readonly edits: readonly Edit[]
  readonly run: Partial<RunOptions>
}

export interface Trial {
  readonly violations: readonly Violation[]
  readonly counts: Counts
  readonly troubles: readonly string[]
}

/**
 * Runs the harness on a copy of the source in which these edits have been made.
 *
 * @throws when an edit does not fit any more, and when the run breaks off
 */
export async function tryWith(edits: readonly Edit[], options: RunOptions): Promise<Trial> {
  const output = await runEdited(edits, 'faults/planted/trial.ts', (folder) => [
    JSON.stringify({ ...options, folder: join(folder, 'records') }),
  ])
  return JSON.parse(output) as Trial
}
