import { useMemo, useState } from 'react'
import type { RelationName } from 'rowcast/client'
import { useTable } from 'rowcast/react'
import type { TrackedRelation } from '../api/endpoints.ts'
import { DiffLegend } from './diff-legend.tsx'
import { DiffTable } from './diff-table.tsx'
import { countStates, diffTable, type AnyRow } from './table-diff.ts'

interface Baseline {
  readonly rows: readonly AnyRow[]
  readonly at: Date
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

/** Compares a table with itself as it was when one came, or when one last pressed the button. */
export function LiveDiff({ relation: { relation, key, columns } }: { relation: TrackedRelation }) {
  // Any tracked table may be chosen, also one that the app's types do not know.
  const table = useTable(relation as RelationName, {
    orderBy: key.map((column) => ({ column, direction: 'asc' })) as never,
  })
  const rows = table.status === 'ready' ? (table.data as readonly object[] as readonly AnyRow[]) : null
  const [baseline, setBaseline] = useState<Baseline | null>(null)
  const [onlyChanges, setOnlyChanges] = useState(false)
  if (rows && !baseline) setBaseline({ rows, at: new Date() })

  const diff = useMemo(
    () => (rows && baseline ? diffTable(baseline.rows, rows, key, columns) : null),
    [baseline, rows, key, columns],
  )

  if (table.status === 'error')
    return (
      <div className="empty" role="alert">
        <h2>This table cannot be shown</h2>
        <p>{table.error.message}</p>
      </div>
    )
  if (!rows || !baseline || !diff)
    return (
      <p className="empty late" role="status">
        Loading the table…
      </p>
    )
  return (
    <>
      <div className="diff-bar">
        <DiffLegend counts={countStates(diff)} />
        <label className="diff-only">
          <input
            type="checkbox"
            checked={onlyChanges}
            onChange={(event) => setOnlyChanges(event.target.checked)}
          />
          Only changes
        </label>
        <span className="diff-since">
          since <time dateTime={baseline.at.toISOString()}>{clock.format(baseline.at)}</time>
        </span>
        <button type="button" className="button small" onClick={() => setBaseline({ rows, at: new Date() })}>
          Mark now
        </button>
      </div>
      <DiffTable
        caption={relation}
        columns={columns}
        keyColumns={key}
        rows={onlyChanges ? diff.filter(({ state }) => state !== 'same') : diff}
      />
    </>
  )
}
