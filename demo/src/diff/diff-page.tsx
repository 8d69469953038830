import { useEffect, useState } from 'react'
import { IconButton } from '../ui/icon-button.tsx'
import { LiveDiff } from './live-diff.tsx'
import { useLostChannels } from './use-lost-channels.ts'
import { useTrackedRelations } from './use-tracked-relations.ts'
import './diff-page.css'

/** What any tracked table gained, lost and changed since one began to watch. */
export function DiffPage({ onOpenMenu }: { onOpenMenu: (() => void) | undefined }) {
  const tracked = useTrackedRelations()
  const lost = useLostChannels()
  const [chosen, setChosen] = useState('public.message')
  const relations = tracked.status === 'ready' ? tracked.relations : []
  const relation = relations.find(({ relation }) => relation === chosen) ?? relations[0]

  useEffect(() => {
    document.title = 'Table changes · Rowcast chat'
  }, [])

  return (
    <main className="diff-page">
      <header className="page-header">
        {onOpenMenu && <IconButton icon="menu" label="Open the channels" onClick={onOpenMenu} />}
        <div className="page-header-title">
          <h1>Table changes</h1>
          <p>A table as it was and as it is, in one</p>
        </div>
        <select
          className="diff-choice"
          aria-label="Table"
          value={relation?.relation}
          disabled={relations.length === 0}
          onChange={(event) => setChosen(event.target.value)}
        >
          {relations.map(({ relation }) => (
            <option key={relation} value={relation}>
              {relation.replace(/^public\./, '')}
            </option>
          ))}
        </select>
      </header>
      {tracked.status === 'loading' && (
        <p className="empty" role="status">
          Loading the tables…
        </p>
      )}
      {tracked.status === 'error' && (
        <div className="empty" role="alert">
          <h2>The tables cannot be listed</h2>
          <p>{tracked.message}</p>
        </div>
      )}
      {tracked.status === 'ready' && !relation && (
        <div className="empty">
          <h2>No table is tracked</h2>
          <p>
            Track one with <code>select event.track('public.person')</code>.
          </p>
        </div>
      )}
      {/* What one may no longer see is not shown as deleted either: the comparison begins anew. */}
      {relation && <LiveDiff key={`${relation.relation} ${lost}`} relation={relation} />}
    </main>
  )
}
