/** Streams what committed after a snapshot, for a test that gives it little memory: `stream-log-child.ts URL FROM RELATION_ID`. */
import { connectEncoding } from '../server/db/pool.ts'
import { streamLog } from '../server/log/stream-log.ts'

const [url = '', from = '', relation] = process.argv.slice(2)
const client = await connectEncoding(url)
await client.query('begin isolation level repeatable read read only')
const { rows } = await client.query('select pg_current_snapshot()::text as now')
let changes = 0
const transactions = new Set<string>()
for await (const pieces of streamLog(client, from, rows[0].now, [Number(relation)]))
  for (const piece of pieces) {
    transactions.add(piece.id)
    changes += piece.rows.length
  }
await client.end()
console.log(JSON.stringify({ changes, transactions: transactions.size }))
