import type { KeyText, RelationName, Row } from '../../shared/change.ts'
import type { Batch, Position, ResetReason, WireChange } from '../../shared/protocol.ts'

/** Where and when a change happened. */
interface Origin {
  /** Of the batch that brought it. */
  readonly position: Position
  /** The id of the transaction that made it, and when that began. */
  readonly transaction: string
  readonly at: string
  readonly relation: RelationName
  readonly key: KeyText
}

/**
 * Why changes are missing: the server could not tell what came in between (`epoch_changed`, `position_expired`), or
 * has sent the rows afresh in place of the changes (`refreshed`), as it does for filtered tables.
 */
export type GapReason = ResetReason | 'refreshed'

/** Here changes are missing: what comes after it has happened after `position`. */
export interface Gap {
  readonly op: 'gap'
  readonly reason: GapReason
  readonly position: Position
  readonly relation: RelationName
  readonly key?: undefined
}

/**
 * One atom of change as it came, with what the client knew before it; `previous` is undefined where it knew
 * nothing, as of what came while the page was closed. Or a gap between such changes.
 */
export type ChangeRecord<R = Row> =
  | (Origin &
      (
        | { readonly op: 'row_insert'; readonly row: R }
        | { readonly op: 'row_delete'; readonly previous: R | undefined }
        | {
            [C in keyof R & string]: {
              readonly op: 'field_update'
              readonly column: C
              readonly value: R[C]
              readonly previous: R[C] | undefined
            }
          }[keyof R & string]
      ))
  | Gap

/** The atoms of a change: one for each field that it updates. */
export function recordsOf(
  change: WireChange,
  previous: Row | undefined,
  batch: Batch,
  transaction: Batch['transactions'][number],
): ChangeRecord[] {
  const { relation, key } = change
  const origin: Origin = {
    position: batch.to,
    transaction: transaction.id,
    at: transaction.at,
    relation,
    key,
  }
  switch (change.op) {
    case 'row_insert':
      return [{ ...origin, op: 'row_insert', row: change.row }]
    case 'row_delete':
      return [{ ...origin, op: 'row_delete', previous }]
    case 'field_update':
      return Object.entries(change.fields).map(([column, value]) => ({
        ...origin,
        op: 'field_update',
        column,
        value,
        previous: previous?.[column],
      }))
  }
}
