import { memo } from 'react'
import { DiffCellValue } from './diff-cell-value.tsx'
import type { DiffRow, DiffState } from './table-diff.ts'

interface DiffTableProps {
  readonly caption: string
  readonly columns: readonly string[]
  readonly keyColumns: readonly string[]
  readonly rows: readonly DiffRow[]
}

/** A page of a million rows helps nobody: all that changed is shown, and this many of the rest. */
const maxUnchanged = 500

export function DiffTable({ caption, columns, keyColumns, rows }: DiffTableProps) {
  const { shown, hidden } = withoutMostUnchanged(rows)
  return (
    <div className="diff-scroller" tabIndex={0} role="region" aria-label={`Changes of ${caption}`}>
      <table className="diff-table">
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col" className="diff-state">
              <span className="visually-hidden">Change</span>
            </th>
            {columns.map((column) => (
              <th key={column} scope="col" className={keyColumns.includes(column) ? 'diff-key' : undefined}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <DiffTableRow key={row.id} row={row} />
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className="empty">Nothing to show. Change a row, and it appears here.</p>}
      {hidden > 0 && <p className="diff-hidden">and {hidden.toLocaleString()} rows without changes</p>}
    </div>
  )
}

const signs: Record<DiffState, { sign: string; word: string }> = {
  same: { sign: '', word: '' },
  inserted: { sign: '+', word: 'inserted' },
  deleted: { sign: '−', word: 'deleted' },
  changed: { sign: '~', word: 'changed' },
}

const DiffTableRow = memo(
  function DiffTableRow({ row }: { row: DiffRow }) {
    const { sign, word } = signs[row.state]
    return (
      <tr className={`diff-${row.state}`}>
        <th scope="row" className="diff-state" title={word}>
          <span aria-hidden="true">{sign}</span>
          <span className="visually-hidden">{word}</span>
        </th>
        {row.cells.map((cell) => (
          <td key={cell.column} className={cell.isChanged ? 'diff-cell-changed' : undefined}>
            <DiffCellValue cell={cell} isDeleted={row.state === 'deleted'} />
          </td>
        ))}
      </tr>
    )
  },
  // The diff is made anew at each change; a row whose cells hold the same need not be drawn anew.
  ({ row: a }, { row: b }) =>
    a.state === b.state &&
    a.cells.length === b.cells.length &&
    a.cells.every((cell, index) => cell.value === b.cells[index]?.value && cell.old === b.cells[index]?.old),
)

function withoutMostUnchanged(rows: readonly DiffRow[]): { shown: readonly DiffRow[]; hidden: number } {
  let room = maxUnchanged
  const shown = rows.filter(({ state }) => state !== 'same' || room-- > 0)
  return { shown, hidden: rows.length - shown.length }
}
