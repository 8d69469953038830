import pg from 'pg'
import { answerParent } from '../../test/child.ts'
import { now } from '../suite/clock.ts'
import { digestOf } from './row.ts'

// What a program does that needs the rows once: it selects them.

let client: pg.Client
let rows: readonly object[] = []

async function connect(database: string): Promise<void> {
  client = new pg.Client(database)
  await client.connect()
}

/** @returns how long it took until it had all rows of a table, in ms */
async function select(relation: string): Promise<number> {
  const startedAt = now()
  const result = await client.query<object>(`select * from ${relation}`)
  rows = result.rows
  return now() - startedAt
}

answerParent({ connect, select, digest: () => digestOf(rows) })
