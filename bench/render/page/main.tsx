import { createRoot } from 'react-dom/client'
import { createClient } from 'rowcast/client'
import { RowcastProvider } from 'rowcast/react'
import { followBridge, BridgeRows } from './bridge.tsx'
import { Probe } from './probe.ts'
import { ListOfRows } from './list.tsx'
import { RowByRow } from './row-by-row.tsx'

// One page for each way to show the rows: `?way=list&table=player&rows=1000`.

declare global {
  interface Window {
    readonly probe: Probe
  }
}

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
Object.assign(window, { probe: new Probe(root) })

const query = new URLSearchParams(location.search)
const asked = (name: string): string => {
  const value = query.get(name)
  if (value === null) throw new Error(`the page is not told its ${name}`)
  return value
}
const table = asked('table')
switch (asked('way')) {
  case 'bridge':
    followBridge(asked('bridge'), Number(asked('rows')))
    createRoot(root).render(<BridgeRows />)
    break
  default: {
    const Rows = asked('way') === 'list' ? ListOfRows : RowByRow
    createRoot(root).render(
      <RowcastProvider client={createClient()}>
        <Rows table={table} />
      </RowcastProvider>,
    )
  }
}
