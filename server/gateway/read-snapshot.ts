import type pg from 'pg'
import type { Definition } from '../routing/definition.ts'
import { fieldExpression } from '../routing/catalogue.ts'
import { filteredSelect, keyCondition, type Select } from '../routing/select.ts'

const rowsPerChunk = 1_000

/**
 * Reads what a subscription shows, as the role and claims in force, in the transaction's snapshot.
 *
 * Yields JSON texts of `[key,row]` pairs, at most 1,000 at a time; the last chunk, which may be empty,
 * is marked. A large result never lies in memory whole.
 */
export async function* readSnapshot(
  client: pg.ClientBase,
  definition: Definition,
): AsyncGenerator<{ rows: string[]; isLast: boolean }> {
  const { text, values } = await selectOf(client, definition)
  const limit =
    definition.kind === 'table'
      ? (definition.query?.limit ?? Infinity)
      : definition.kind === 'column'
        ? Infinity
        : 1
  if (limit <= rowsPerChunk) {
    yield { rows: (await client.query(text, values)).rows.map(pair), isLast: true }
    return
  }
  await client.query(`declare snapshot_rows no scroll cursor for ${text}`, values)
  for (;;) {
    const { rows } = await client.query(`fetch ${rowsPerChunk} from snapshot_rows`)
    const isLast = rows.length < rowsPerChunk
    yield { rows: rows.map(pair), isLast }
    if (isLast) return
  }
}

function pair({ key, row }: { key: string; row: string }): string {
  return `[${JSON.stringify(key)},${row}]`
}

async function selectOf(client: pg.ClientBase, definition: Definition): Promise<Select> {
  const { relation } = definition
  const expression =
    'column' in definition
      ? await fieldExpression(client, relation, definition.column)
      : relation.rowExpression
  const columns = `${relation.keyExpression} as key, (${expression})::text as row`
  if (definition.kind === 'table') return filteredSelect(relation, definition.query, columns)
  if (definition.kind === 'column') return filteredSelect(relation, null, columns)
  const values: unknown[] = []
  const condition = keyCondition(relation, definition.key, values)
  return { text: `select ${columns} from ${relation.sqlName} as t where ${condition}`, values }
}
