/**
 * A client as a process of its own, whose work is not the test's: `table-follower-child.ts URL RELATION…`. Sends the number
 * of rows of each relation, whenever a commit of the store has changed one.
 */
import { createClient } from '../client/core/index.ts'

const [url = '', ...relations] = process.argv.slice(2)
const client = createClient({ url })
const tables = relations.map((relation) => client.table(relation))
let said = ''

client.store.subscribe(() => {
  const sizes = tables.map((table) => {
    const result = table.getSnapshot()
    return result.status === 'ready' ? result.data.length : null
  })
  if (said === JSON.stringify(sizes)) return
  said = JSON.stringify(sizes)
  process.send?.(sizes)
})
for (const table of tables) table.subscribe(() => undefined)
process.on('disconnect', () => process.exit())
