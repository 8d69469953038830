import { createClient, type Client, type Followed } from '../../client/core/index.ts'
import type { Row } from '../../shared/change.ts'
import { answerParent } from '../../test/child.ts'
import { now } from '../suite/clock.ts'
import { usage } from '../suite/usage.ts'
import { digestOf } from './row.ts'

// A page without a browser: a real client with a real store. For each round it is another one, which knows nothing yet.

let client: Client | undefined
let followed: Followed<readonly Row[]> | undefined

/** Resolves when it is connected, and live. */
async function open(url: string): Promise<void> {
  client?.close()
  const opened = createClient({ url, auth: { sub: 0 }, session: 'page' })
  client = opened
  opened.connect()
  if (opened.store.getState().connection.status === 'live') return
  await new Promise<void>((resolve) =>
    opened.store.subscribe(({ connection }) => connection.status === 'live' && resolve()),
  )
}

/** @returns how long it took until all rows of a table could be shown, in ms */
async function show(relation: string): Promise<number> {
  if (!client) throw new Error('the page is not open')
  const startedAt = now()
  const table = client.table(relation)
  followed = table
  return new Promise((resolve, reject) => {
    table.subscribe(() => {
      const result = table.getSnapshot()
      if (result.status === 'ready') resolve(now() - startedAt)
      else if (result.status === 'error') reject(result.error)
    })
  })
}

/** Of what is shown. */
function digest(): string {
  const result = followed?.getSnapshot()
  if (result?.status !== 'ready') throw new Error('nothing is shown')
  return digestOf(result.data)
}

answerParent({ open, show, digest, usage })
