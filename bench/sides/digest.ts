import { createHash } from 'node:crypto'

/**
 * Tells whether a client holds what a table has, row for row, without sending all of it anywhere.
 *
 * @param columns of type int or text, `id` among them
 */
export function digestOf(rows: Iterable<object>, columns: readonly string[]): string {
  const hash = createHash('md5')
  const sorted = ([...rows] as Record<string, unknown>[]).sort((a, b) => Number(a['id']) - Number(b['id']))
  for (const row of sorted) hash.update(`${columns.map((column) => row[column]).join()};`)
  return hash.digest('hex')
}

/** What a client says of it that holds all. */
export function digestSql(table: string, columns: readonly string[]): string {
  const row = `concat_ws(',', ${columns.join(', ')}) || ';'`
  return `select coalesce(md5(string_agg(${row}, '' order by id)), md5('')) as digest from ${table}`
}
