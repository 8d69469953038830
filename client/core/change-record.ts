import type { KeyText, RelationName, Row, Value } from '../../shared/change.ts'
import type { Batch, Position, WireChange } from '../../shared/protocol.ts'

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

/** One atom of change as it came, with what the client knew before it. */
export type ChangeRecord<R = Row> = Origin &
  (
    | { readonly op: 'row_insert'; readonly row: R }
    | { readonly op: 'row_delete'; readonly previous: R }
    | {
        [C in keyof R & string]: {
          readonly op: 'field_update'
          readonly column: C
          readonly value: R[C]
          readonly previous: R[C]
        }
      }[keyof R & string]
  )

/** The atoms of a change: one for each field that it updates, none for a row that was not known. */
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
      return previous ? [{ ...origin, op: 'row_delete', previous }] : []
    case 'field_update':
      return Object.entries(change.fields).map(([column, value]) => ({
        ...origin,
        op: 'field_update',
        column,
        value,
        previous: (previous?.[column] ?? null) satisfies Value,
      }))
  }
}
