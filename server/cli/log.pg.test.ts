import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { runRowcast } from '../../test/rowcast-process.ts'

test('log shows what is there, as a table and as JSON', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query(
    `create table item (id int primary key); select event.track('item'); insert into item select generate_series(1, 1234)`,
  )
  const env = { DATABASE_URL: database.url }
  const { code, output } = await runRowcast(['log'], { env })
  expect(output).toMatch(
    /^The change log is kept for 7 days, up to 10 GB\. It takes \d+ kB\.\n\npart {2}state {2}size/,
  )
  expect(output).toMatch(/\n0 {5}open {3}\d+ kB {2}1,234 {4}20\d\d-\S+ \S+Z {2}20\d\d-\S+ \S+Z\n$/)
  expect(code).toBe(0)

  const json = await runRowcast(['log', '--json'], { env })
  expect(JSON.parse(json.output)).toMatchObject({
    retention: { maxAge: '7 days', maxBytes: 10 * 1024 ** 3 },
    horizon: '0',
    parts: [{ part: 0, state: 'open', rows: 1234, endXid: null }],
  })
})

test('log retain says how much is kept, and log prune does what is due', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  const env = { DATABASE_URL: database.url }
  for (const [args, kept] of [
    [['--age', '36h'], 'for 36:00:00.'],
    [['--size', '500mb'], 'up to 500 MB.'],
    [['--forever'], 'for ever.'],
    [['--age', '2d', '--size', '1GB'], 'for 2 days, up to 1 GB.'],
  ] as const) {
    const { code, output } = await runRowcast(['log', 'retain', ...args], { env })
    expect(output).toBe(`The change log is kept ${kept}\n`)
    expect(code).toBe(0)
  }
  const { rows } = await client.query('select max_age::text, max_bytes from event.retention')
  expect(rows).toEqual([{ max_age: '2 days', max_bytes: String(1024 ** 3) }])

  expect(await runRowcast(['log', 'prune'], { env })).toEqual({ code: 0, output: 'Nothing was due.\n' })
  await client.query(
    `create table item (id int primary key); select event.track('item'); insert into item values (1);
    update event.log_part set opened_at = now() - interval '1 year' where part = 0`,
  )
  expect(await runRowcast(['log', 'prune'], { env })).toEqual({
    code: 0,
    output: 'Part 1 is written to from now on.\n',
  })
  await client.query('insert into item values (2); insert into item values (3)')
  await client.query(`update event.log_part set over_at = now() - interval '1 year' where part = 0`)
  const pruned = await runRowcast(['log', 'prune'], { env })
  expect(pruned.output).toMatch(/^Part 0 was emptied for its age: \d+ kB\.\n$/)
})

test('what makes no sense is refused in words', async () => {
  await using database = await createTestDatabase()
  const env = { DATABASE_URL: database.url }
  for (const [args, code, message] of [
    [[], 2, 'Say how much to keep'],
    [['--age', '7'], 2, 'It must be a number with a unit: 30m, 12h, 7d or 4w.'],
    [['--size', '10'], 2, 'It must be a number with a unit, like 500MB or 10GB.'],
    [['--forever', '--age', '1d'], 2, 'cannot be used with'],
    [['--size', '10kB'], 1, 'at least 1 MB (1048576 bytes), not 10240 bytes'],
  ] as const) {
    const result = await runRowcast(['log', 'retain', ...args], { env })
    expect(result.output).toContain(message)
    expect(result.output).not.toMatch(/\n {4}at /)
    expect(result.code).toBe(code)
  }
})
