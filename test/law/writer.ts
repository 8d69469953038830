import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type pg from 'pg'
import type { Row, Value } from '../../shared/change.ts'
import type { History, Transaction } from './history.ts'
import { fieldsOf, keyOf, type LawTable } from './tables.ts'

/** One statement of a random transaction. */
type Statement = { readonly table: number; readonly pauseMs: number } & (
  | { readonly do: 'upsert'; readonly key: readonly Value[]; readonly fields: Record<string, Value> }
  | { readonly do: 'update'; readonly key: readonly Value[]; readonly fields: Record<string, Value> }
  | { readonly do: 'update_all'; readonly fields: Record<string, Value> }
  | { readonly do: 'rekey'; readonly key: readonly Value[]; readonly to: readonly Value[] }
  | { readonly do: 'delete'; readonly key: readonly Value[] }
  | { readonly do: 'delete_all' }
)

export interface RandomTransaction {
  readonly isolation: 'read committed' | 'repeatable read'
  /** Each group in a savepoint of its own, kept or rolled back. */
  readonly groups: readonly { readonly statements: readonly Statement[]; readonly isKept: boolean }[]
  readonly isCommitted: boolean
}

export function transactionOf(tables: readonly LawTable[]): fc.Arbitrary<RandomTransaction> {
  const statement = fc.integer({ min: 0, max: tables.length - 1 }).chain((table) => {
    const at = tables[table]!
    const common = { table: fc.constant(table), pauseMs: fc.constantFrom(0, 0, 0, 1, 5, 20) }
    return fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          ...common,
          do: fc.constant('upsert' as const),
          key: keyOf(at),
          fields: fieldsOf(at, 9),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          ...common,
          do: fc.constant('update' as const),
          key: keyOf(at),
          fields: fieldsOf(at, 1),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ ...common, do: fc.constant('update_all' as const), fields: fieldsOf(at, 1) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ ...common, do: fc.constant('rekey' as const), key: keyOf(at), to: keyOf(at) }),
      },
      { weight: 2, arbitrary: fc.record({ ...common, do: fc.constant('delete' as const), key: keyOf(at) }) },
    )
  })
  const rarely = fc.record({
    table: fc.integer({ min: 0, max: tables.length - 1 }),
    pauseMs: fc.constant(0),
    do: fc.constant('delete_all' as const),
  })
  return fc.record({
    isolation: fc.constantFrom(
      'read committed' as const,
      'read committed' as const,
      'repeatable read' as const,
    ),
    groups: fc.array(
      fc.record({
        statements: fc.array(
          fc.oneof({ weight: 25, arbitrary: statement }, { weight: 1, arbitrary: rarely }),
          { minLength: 1, maxLength: 4 },
        ),
        isKept: fc.constantFrom(true, true, true, false),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    isCommitted: fc.constantFrom(true, true, true, true, false),
  })
}

/** Runs transactions on one connection, one after the other, and notes what they did. Conflicts roll back. */
export async function write(
  client: pg.Client,
  tables: readonly LawTable[],
  transactions: readonly RandomTransaction[],
  history: History,
): Promise<void> {
  await client.query(`set deadlock_timeout = '20ms'; set lock_timeout = '3s'`)
  for (const { isolation, groups, isCommitted } of transactions) {
    await client.query(`begin isolation level ${isolation}`)
    const { rows } = await client.query('select pg_current_xact_id()::text as xid')
    const transaction = history.begin(rows[0].xid)
    try {
      for (const { statements, isKept } of groups) {
        const rollback = transaction.savepoint()
        await client.query('savepoint s')
        for (const statement of statements)
          await execute(client, tables[statement.table]!, statement, transaction)
        if (isKept) await client.query('release savepoint s')
        else {
          await client.query('rollback to savepoint s')
          rollback()
        }
      }
      // Before it is known to be committed it may be seen; the history is asked only when all has ended.
      transaction.isCommitted = isCommitted
      await client.query(isCommitted ? 'commit' : 'rollback')
    } catch {
      transaction.isCommitted = false
      await client.query('rollback')
    }
  }
}

async function execute(
  client: pg.Client,
  table: LawTable,
  statement: Statement,
  transaction: Transaction,
): Promise<void> {
  const { columns, key: keyColumns, name } = table
  const all = Object.keys(columns)
  const returning = `returning ${all.map(quote).join(', ')}, nextval('law_order')::int as "law order"`
  const note = (rows: Row[]) => {
    for (const { 'law order': order, ...row } of rows)
      transaction.write(name, keyIn(table, row), row, Number(order))
  }
  const noteGone = (rows: Row[]) => {
    for (const { 'law order': order, ...row } of rows)
      transaction.write(name, keyIn(table, row), null, Number(order))
  }
  const sets = (fields: Record<string, Value>, from: number) =>
    Object.keys(fields).map((column, i) => `${quote(column)} = $${from + i}`)
  const keyIs = keyColumns.map((column, i) => `${quote(column)} = $${i + 1}`).join(' and ')

  switch (statement.do) {
    case 'upsert': {
      const row = {
        ...Object.fromEntries(keyColumns.map((column, i) => [column, statement.key[i] ?? null])),
        ...statement.fields,
      }
      const names = Object.keys(row).map(quote)
      const { rows } = await client.query(
        `insert into ${name} (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')})
         on conflict (${keyColumns.map(quote).join(', ')}) do update set ${names.map((n) => `${n} = excluded.${n}`).join(', ')} ${returning}`,
        Object.values(row),
      )
      note(rows)
      break
    }
    case 'update': {
      const text = `update ${name} set ${sets(statement.fields, keyColumns.length + 1).join(', ')} where ${keyIs} ${returning}`
      note((await client.query(text, [...statement.key, ...Object.values(statement.fields)])).rows)
      break
    }
    case 'update_all': {
      const text = `update ${name} set ${sets(statement.fields, 1).join(', ')} ${returning}`
      note((await client.query(text, Object.values(statement.fields))).rows)
      break
    }
    case 'rekey': {
      if (JSON.stringify(statement.key) === JSON.stringify(statement.to)) break
      const to = keyColumns.map((column, i) => `${quote(column)} = $${keyColumns.length + i + 1}`)
      const { rows } = await client.query(`update ${name} set ${to.join(', ')} where ${keyIs} ${returning}`, [
        ...statement.key,
        ...statement.to,
      ])
      note(rows)
      for (const { 'law order': order } of rows)
        transaction.write(name, JSON.stringify(statement.key), null, Number(order))
      break
    }
    case 'delete':
      noteGone(
        (await client.query(`delete from ${name} where ${keyIs} ${returning}`, [...statement.key])).rows,
      )
      break
    case 'delete_all':
      // Not TRUNCATE: PostgreSQL shows its effect even to snapshots of before, so what select returns then is no history.
      noteGone((await client.query(`delete from ${name} ${returning}`)).rows)
      break
  }
  if (statement.pauseMs > 0) await sleep(statement.pauseMs)
}

function keyIn(table: LawTable, row: Row): string {
  return JSON.stringify(table.key.map((column) => row[column] ?? null))
}

function quote(name: string): string {
  return `"${name}"`
}
