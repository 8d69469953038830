import { Profiler, StrictMode, useMemo, type ReactElement } from 'react'
import { createRoot } from 'react-dom/client'
import type { Client, Result } from '../client/core/index.ts'
import { RowcastProvider, useColumn, useTable } from '../client/react/index.ts'
import type { Subscription } from '../shared/subscription.ts'
import { statementOf, type Statement } from './records.ts'
import { alwaysFollowed, shownByPages } from './workload.ts'

const { accounts } = alwaysFollowed
const { balances, best } = shownByPages

/**
 * Shows some tables on a page of React, and tells after each commit of React's what the page says then. It is read
 * from the page: so what one component shows and another does not yet would be seen.
 *
 * @returns takes the page away
 */
export function showPage(client: Client, rendered: (shown: Record<string, Statement>) => void): () => void {
  const container = document.createElement('div')
  const read = (): void => {
    const shown: Record<string, Statement> = {}
    for (const output of container.querySelectorAll('output'))
      if (output.textContent) shown[output.id] = JSON.parse(output.textContent) as Statement
    rendered(shown)
  }
  const root = createRoot(container)
  root.render(
    <StrictMode>
      <Profiler id="page" onRender={read}>
        <RowcastProvider client={client}>
          <Accounts />
          <Balances />
          <Best />
        </RowcastProvider>
      </Profiler>
    </StrictMode>,
  )
  return () => root.unmount()
}

function Accounts(): ReactElement {
  return <Shown name="accounts" subscription={accounts} result={useTable('account')} />
}

function Balances(): ReactElement {
  return <Shown name="balances" subscription={balances} result={useColumn('account', 'balance')} />
}

function Best(): ReactElement {
  const result = useTable('item', { orderBy: best.orderBy, limit: best.limit })
  return <Shown name="best" subscription={best} result={result} />
}

interface ShownProps {
  readonly name: string
  readonly subscription: Subscription
  readonly result: Result<unknown>
}

function Shown({ name, subscription, result }: ShownProps): ReactElement {
  const text = useMemo(
    () => (result.status === 'ready' ? JSON.stringify(statementOf(subscription, result.data)) : ''),
    [subscription, result],
  )
  return <output id={name}>{text}</output>
}
