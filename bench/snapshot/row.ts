import { createHash } from 'node:crypto'

/** SQL that makes a table of messages. */
export function messagesSql(table: string, rows: number): string {
  return `create table ${table} (id int primary key, channel_id int, author text, body text, at timestamptz);
    insert into ${table} select n, n % 100, 'author ' || n % 1000, 'this is what message ' || n || ' says', now() - n * interval '1 second'
      from generate_series(1, ${rows}) as n;
    analyze ${table}; select event.track('${table}');`
}

/** The same for the same rows, whoever has read them, and in whatever order. Of times, milliseconds are compared. */
export function digestOf(rows: readonly object[]): string {
  const texts = (rows as readonly MessageRow[])
    .toSorted((one, other) => one.id - other.id)
    .map(({ id, channel_id, author, body, at }) =>
      JSON.stringify([id, channel_id, author, body, new Date(at).getTime()]),
    )
  return createHash('sha256').update(texts.join('\n')).digest('hex')
}

interface MessageRow {
  readonly id: number
  readonly channel_id: number
  readonly author: string
  readonly body: string
  readonly at: Date | string
}
