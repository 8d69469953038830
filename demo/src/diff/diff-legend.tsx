import type { DiffState } from './table-diff.ts'

/** What the colours mean, with how many there are of each. Each colour has a sign and a word too. */
export function DiffLegend({ counts }: { counts: Record<DiffState, number> }) {
  return (
    <ul className="diff-legend" aria-label="Changes" aria-live="polite">
      <LegendItem state="inserted" sign="+" count={counts.inserted} label="inserted" />
      <LegendItem state="deleted" sign="−" count={counts.deleted} label="deleted" />
      <LegendItem state="changed" sign="~" count={counts.changed} label="changed" />
    </ul>
  )
}

function LegendItem({
  state,
  sign,
  count,
  label,
}: {
  state: DiffState
  sign: string
  count: number
  label: string
}) {
  return (
    <li className={`diff-legend-item diff-${state}`}>
      <span className="diff-sign" aria-hidden="true">
        {sign}
      </span>
      {count.toLocaleString()} {label}
    </li>
  )
}
