import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Value } from './change.ts'
import {
  formatColumnId,
  formatFieldId,
  formatRelationId,
  formatRowId,
  parseColumnId,
  parseFieldId,
  parseRelationId,
  parseRowId,
} from './identifiers.ts'

const name = fc.oneof(
  fc.string({ minLength: 0 }),
  fc.constantFrom('person', 'Person', 'a.b', 'a"b', '3', 'true', ''),
)
const value = fc.oneof(
  name,
  fc.integer(),
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => double + 0),
  // JSON has no -0.
  fc
    .jsonValue()
    .map((json) => JSON.parse(JSON.stringify(json)) as Value)
    .filter((json) => json !== null),
) as fc.Arbitrary<Value>
const key = fc.array(value, { minLength: 1, maxLength: 4 })

describe('identifiers', () => {
  test.each([
    [formatRelationId({ schema: 'public', relation: 'person' }), 'public.person'],
    [formatRelationId({ schema: 'public', relation: 'user' }), 'public.user'],
    [
      formatColumnId({ schema: 'public', relation: 'Person', column: 'full name' }),
      'public."Person"."full name"',
    ],
    [formatRowId({ schema: 'public', relation: 'person', key: [3] }), 'public.person.3'],
    [formatRowId({ schema: 'public', relation: 'person', key: ['3'] }), 'public.person."3"'],
    [
      formatRowId({ schema: 'public', relation: 'seat', key: [3, 'a', true, 'true', ''] }),
      'public.seat.3.a.true."true".""',
    ],
    [
      formatRowId({ schema: 'public', relation: 't', key: [1.5, [1, 'a'], { b: 1, a: "'" }] }),
      `public.t.'1.5'.'[1,"a"]'.'{"a":"''","b":1}'`,
    ],
    [
      formatFieldId({ schema: 'public', relation: 'person', key: [3], column: 'name' }),
      'public.person.3.name',
    ],
    [
      formatFieldId({ schema: 'public', relation: 'person', key: ['a.b"c'], column: 'name' }),
      'public.person."a.b""c".name',
    ],
  ])('%s', (text, expected) => expect(text).toBe(expected))

  test('every identifier reads back from its text', () => {
    fc.assert(
      fc.property(name, name, key, name, (schema, relation, key, column) => {
        expect(parseRelationId(formatRelationId({ schema, relation }))).toEqual({ schema, relation })
        expect(parseColumnId(formatColumnId({ schema, relation, column }))).toEqual({
          schema,
          relation,
          column,
        })
        expect(parseRowId(formatRowId({ schema, relation, key }))).toEqual({ schema, relation, key })
        expect(parseFieldId(formatFieldId({ schema, relation, key, column }))).toEqual({
          schema,
          relation,
          key,
          column,
        })
      }),
    )
  })

  test('quotes that are not needed are allowed', () => {
    expect(parseRelationId('"public"."person"')).toEqual({ schema: 'public', relation: 'person' })
  })

  test.each([
    '',
    '.',
    'public',
    'public.',
    '.person',
    'public..person',
    'public.person ',
    'Public.person.3',
    'public.person.007',
    'public.person.-0',
    'public.person.null',
    'public.person."a',
    "public.person.'a'",
    `public.person.'{"a": 1}'`,
    'public.person.12345678901234567890',
    'public.3.3',
    `public.person.'"a"'`,
  ])('%s is no row id, and the error names it', (text) => {
    expect(() => parseRowId(text)).toThrow(
      expect.objectContaining({ code: 'invalid_identifier', message: `not a row id: ${text}` }),
    )
  })

  test('a key without values, or with null, is none', () => {
    for (const key of [[], [null]])
      expect(() => formatRowId({ schema: 'public', relation: 'person', key })).toThrow(
        expect.objectContaining({ code: 'invalid_identifier' }),
      )
  })
})
