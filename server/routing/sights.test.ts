import { expect, test } from 'vitest'
import type { Sight } from './sight.ts'
import { Sights } from './sights.ts'

function sight(name: string, values: Sight['values']): Sight {
  return { name, role: 'reader', claims: '{}', values }
}
const ann = sight('ann', ['1', 'red'])
const bob = sight('bob', ['2', 'red'])
const nobody = sight('nobody', [null, 'red'])
const unknown = sight('unknown', null)

test('sights are found by the values of some of their claims', () => {
  const sights = new Sights([ann, bob, nobody])
  expect(sights.having([0], ['2'])).toEqual([bob])
  expect(sights.having([1], ['red'])).toEqual([ann, bob, nobody])
  expect(sights.having([1, 0], ['red', '1'])).toEqual([ann])
  expect(sights.having([0], ['3'])).toEqual([])
})

test('nothing equals null', () => {
  expect(new Sights([nobody]).having([0], [null])).toEqual([])
})

test('those of which all claims may matter are told from the others', () => {
  const sights = new Sights([ann, unknown])
  expect(sights.valued.all).toEqual([ann])
  expect(sights.others.all).toEqual([unknown])
})

test('values are written as PostgreSQL reads an array', () => {
  const odd = ['plain', 'a "b" \\ c', '', 'null', '{,}', null].map((value, n) => sight(String(n), [value]))
  expect(new Sights(odd).textsOf(0)).toBe(String.raw`{"plain","a \"b\" \\ c","","null","{,}",null}`)
})
