import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Value } from '../shared/change.ts'
import { sqlStates } from '../shared/errors.ts'
import { formatColumnId, formatFieldId, formatRelationId, formatRowId } from '../shared/identifiers.ts'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = await database.connect()
})
afterAll(() => database[Symbol.asyncDispose]())

const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('person', 'Person', 'a.b', 'a"b', "it's", '3', 'true', 'null', ''),
  )
  .filter((text) => !text.includes('\0'))
const value = fc.oneof(
  text,
  fc.integer(),
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => double + 0),
  fc.jsonValue().filter((json) => json !== null && !/-0|\\u0000/.test(JSON.stringify(json))),
) as fc.Arbitrary<Value>
const key = fc.array(value, { minLength: 1, maxLength: 4 })

async function textOf(expression: string, ...values: unknown[]): Promise<string> {
  return (await client.query({ text: `select (${expression})::text as id`, values })).rows[0].id
}

test('an identifier has the same text in SQL and in TypeScript, and reads back from it and from its JSON', async () => {
  await fc.assert(
    fc.asyncProperty(text, text, key, text, async (schema, relation, key, column) => {
      const texts = [
        formatRelationId({ schema, relation }),
        formatColumnId({ schema, relation, column }),
        formatRowId({ schema, relation, key }),
        formatFieldId({ schema, relation, key, column }),
      ]
      const result = await client.query({
        text: `with given as (
                 select meta.relation_id($1, $2) as a, meta.column_id($1, $2, $4) as b,
                        meta.row_id($1, $2, $3::jsonb) as c, meta.field_id($1, $2, $3::jsonb, $4) as d)
               select array[a::text, b::text, c::text, d::text] as texts,
                      a = a::text::meta.relation_id and b = b::text::meta.column_id
                        and c = c::text::meta.row_id and d = d::text::meta.field_id as from_text,
                      a = a::jsonb::meta.relation_id and b = b::jsonb::meta.column_id
                        and c = c::jsonb::meta.row_id and d = d::jsonb::meta.field_id as from_json
               from given`,
        values: [schema, relation, JSON.stringify(key), column],
      })
      expect(result.rows[0]).toEqual({ texts, from_text: true, from_json: true })
    }),
    { numRuns: 300 },
  )
})

test.each([
  [`meta.relation_id('public', 'person')`, 'public.person'],
  [`meta.column_id('public', 'person', 'name')`, 'public.person.name'],
  [`meta.row_id('public', 'person', 3)`, 'public.person.3'],
  [`meta.row_id('public', 'person', '3')`, 'public.person."3"'],
  [`meta.row_id('public', 'person', 9007199254740993)`, 'public.person."9007199254740993"'],
  [`meta.row_id('public', 'person', 1.50)`, 'public.person."1.50"'],
  [`meta.row_id('public', 'person', 1e23::float8)`, `public.person.'1e+23'`],
  [`meta.row_id('public', 'person', 'NaN'::float8)`, 'public.person."NaN"'],
  [`meta.row_id('public', 'person', true)`, 'public.person.true'],
  [
    `meta.row_id('public', 'person', '0b0c1b3e-0000-4000-8000-000000000001'::uuid)`,
    'public.person."0b0c1b3e-0000-4000-8000-000000000001"',
  ],
  [
    `meta.row_id('public', 'person', '2026-01-02 03:04:05.000006+02'::timestamptz)`,
    'public.person."2026-01-02T01:04:05.000006+00:00"',
  ],
  [`meta.row_id('public', 'seat', 3, 'a')`, 'public.seat.3.a'],
  [`meta.row_id('public', 'seat', 'a', 3)`, 'public.seat.a.3'],
  [`meta.row_id('public', 'seat', 'a', 'b')`, 'public.seat.a.b'],
  [`meta.row_id('public', 'seat', '[3, "A", true]'::jsonb)`, 'public.seat.3."A".true'],
  [`meta.field_id('public', 'person', 3, 'name')`, 'public.person.3.name'],
  [`meta.field_id('public', 'person', 'ann', 'name')`, 'public.person.ann.name'],
  [`meta.field_id('public', 'seat', 3, 'a', 'name')`, 'public.seat.3.a.name'],
  [`meta.field_id('public', 'seat', '[3, "a", 4]'::jsonb, 'full name')`, 'public.seat.3.a.4."full name"'],
])('%s is %s', async (expression, expected) => {
  await client.query(`set timezone = 'Asia/Tokyo'; set datestyle = 'German'; set extra_float_digits = 0`)
  expect(await textOf(expression)).toBe(expected)
  await client.query('reset all')
})

test('identifiers compare, sort, join and are indexed, numbers as numbers', async () => {
  await client.query(`
    create table place (id meta.row_id primary key);
    insert into place select meta.row_id('public', 'person', n) from generate_series(1, 12) as n;
    create index on place ((id::text))`)
  const { rows } = await client.query(
    `select a.id::text from place as a join place as b using (id) where a.id > meta.row_id('public', 'person', 8) order by a.id`,
  )
  expect(rows.map((row) => row.id)).toEqual([9, 10, 11, 12].map((n) => `public.person.${n}`))
  await expect(
    client.query(`insert into place values (meta.row_id('public', 'person', 3))`),
  ).rejects.toMatchObject({ code: '23505' })
})

test.each([
  ['relation', 'public'],
  ['relation', 'public.person.3'],
  ['relation', 'Public.person'],
  ['column', 'public.person'],
  ['column', 'public.person.3'],
  ['row', ''],
  ['row', 'public.person'],
  ['row', 'public.person.'],
  ['row', 'public.person.3 '],
  ['row', 'public.person.007'],
  ['row', 'public.person.null'],
  ['row', 'public.person."a'],
  ['row', 'public.person.12345678901234567890'],
  ['row', `public.person.'{"a": 1}'`],
  ['row', `public.person.'nonsense'`],
  ['field', 'public.person.name'],
  ['field', 'public.person.3.3'],
])('as a %s id, %s is refused with RC008 and named', async (kind, bad) => {
  await expect(
    client.query({ text: `select ($1::text)::meta.${kind}_id`, values: [bad] }),
  ).rejects.toMatchObject({
    code: sqlStates.invalid_identifier,
    message: `not a ${kind} id: ${bad}`,
  })
})

test.each(['[]', '[null]', '3', '{"id":3}', '[12345678901234567890]', '[1e400]'])(
  '%s is no key',
  async (bad) => {
    await expect(
      client.query(`select meta.row_id('public', 'person', $1::jsonb)`, [bad]),
    ).rejects.toMatchObject({
      code: sqlStates.invalid_identifier,
    })
  },
)

test.each(['["public"]', '["public",3]', '[]', '{}', '"public"'])('%s is no relation id', async (bad) => {
  await expect(client.query(`select ($1::jsonb)::meta.relation_id`, [bad])).rejects.toMatchObject({
    code: sqlStates.invalid_identifier,
  })
})

test('an ordinary role may name things', async () => {
  const role = await database.createRole('nologin')
  await client.query(`set role ${role}`)
  expect(await textOf(`meta.field_id('public', 'person', 3, 'name')`)).toBe('public.person.3.name')
  expect(await textOf(`($1::text)::meta.row_id`, 'public.seat.3.a')).toBe('public.seat.3.a')
  await client.query('reset role')
})
