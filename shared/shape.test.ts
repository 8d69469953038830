import { expect, test } from 'vitest'
import {
  boolean,
  exactlyOf,
  kindOf,
  listOf,
  number,
  objectOf,
  oneOf,
  optional,
  orNull,
  pairOf,
  parseAs,
  text,
} from './shape.ts'

const message = objectOf<{ to: string; part?: number; moves: [string, string | null][] }>({
  to: text,
  part: optional(number),
  moves: listOf(pairOf(text, orNull(text)), 1, 2),
})

test('what is right is handed on as it is', () => {
  const input = { to: 'x', moves: [['a', null]], more: 1 }
  expect(parseAs(message, input, 'batch')).toBe(input)
  expect(message({ ...input, part: 3 })).toBeUndefined()
})

test('what is wrong is said with the place where it is', () => {
  const refused = (input: unknown) => message(input)
  expect(refused(null)).toBe(' must be an object')
  expect(refused([])).toBe(' must be an object')
  expect(refused({ moves: [] })).toBe('.to must be a text')
  expect(refused({ to: 'x', part: '1', moves: [] })).toBe('.part must be a number')
  expect(refused({ to: 'x', moves: {} })).toBe('.moves must be a list')
  expect(refused({ to: 'x', moves: [] })).toBe('.moves must have 1 to 2 items')
  expect(refused({ to: 'x', moves: [['a', null], ['a']] })).toBe('.moves[1] must be a pair')
  expect(refused({ to: 'x', moves: [['a', 5]] })).toBe('.moves[0] must be a text')
  expect(() => parseAs(message, {}, 'batch')).toThrow(
    expect.objectContaining({ code: 'invalid_message', message: 'batch.to must be a text' }),
  )
})

test('where properties are named exactly, others are refused, also those that objects inherit', () => {
  const shape = exactlyOf({ ok: boolean })
  expect(shape({ ok: true })).toBeUndefined()
  expect(shape({ ok: true, more: undefined })).toBe('.more is unknown here')
  expect(shape(JSON.parse('{"ok":true,"__proto__":1}'))).toBe('.__proto__ is unknown here')
  expect(exactlyOf({ toString: text })({})).toBe('.toString must be a text')
})

test('a kind of object is told by a property, and never by what objects inherit', () => {
  type Kind = { op: 'a'; n: number } | { op: 'b' }
  const shape = kindOf<Kind>('op', {
    a: objectOf<Extract<Kind, { op: 'a' }>>({ op: oneOf('a'), n: number }),
    b: objectOf<Extract<Kind, { op: 'b' }>>({ op: oneOf('b') }),
  })
  expect(shape({ op: 'b' })).toBeUndefined()
  expect(shape({ op: 'a' })).toBe('.n must be a number')
  for (const op of ['c', 'constructor', '__proto__', ['a'], undefined])
    expect(shape({ op }), String(op)).toBeDefined()
  expect(shape({ op: 'c' })).toBe('.op must be a or b')
  expect(shape(null)).toBe('.op must be a or b')
})
