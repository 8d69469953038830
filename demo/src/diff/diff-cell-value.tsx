import type { DiffCell } from './table-diff.ts'

/** A cell's value; of a changed one, what it was and what it is. */
export function DiffCellValue({ cell, isDeleted }: { cell: DiffCell; isDeleted: boolean }) {
  if (isDeleted)
    return (
      <del>
        <Value value={cell.value} />
      </del>
    )
  if (!cell.isChanged) return <Value value={cell.value} />
  return (
    <>
      <del>
        <Value value={cell.old} />
      </del>{' '}
      <span aria-hidden="true">→</span>
      <span className="visually-hidden">is now</span>{' '}
      <ins>
        <Value value={cell.value} />
      </ins>
    </>
  )
}

function Value({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <i className="diff-null">null</i>
  if (value === '') return <i className="diff-null">empty</i>
  // A time or an id is one word, whatever hyphens it has; a sentence may break.
  if (typeof value === 'string') return isWord(value) ? <span className="diff-word">{value}</span> : value
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function isWord(text: string): boolean {
  return text.length <= 40 && !text.includes(' ')
}
