import { expect, test } from 'vitest'
import { parseIdentity } from './identity.ts'

test('an identity is taken as it is', () => {
  const identity = {
    role: 'app_user',
    claims: { sub: 'ann', n: 2 ** 53 - 1, at: 1.5, l: ['é💥'] },
    expiresAt: 5,
  }
  expect(parseIdentity(identity)).toEqual(identity)
  expect(parseIdentity({ role: 'none such', claims: {} })).toEqual({ role: 'none such', claims: {} })
})

test.for<[string, unknown]>([
  ['a role', undefined],
  ['a role', null],
  ['a role', 'app_user'],
  ['a role', { claims: {} }],
  ['a role', { role: '', claims: {} }],
  ['a role', { role: 7, claims: {} }],
  ['a role', { role: 'a\0b', claims: {} }],
  ['which is no role', { role: 'none', claims: {} }],
  ['claims, an object', { role: 'app_user' }],
  ['claims, an object', { role: 'app_user', claims: null }],
  ['claims, an object', { role: 'app_user', claims: ['ann'] }],
  ['claims, an object', { role: 'app_user', claims: 'ann' }],
  ['expiresAt', { role: 'app_user', claims: {}, expiresAt: NaN }],
  ['expiresAt', { role: 'app_user', claims: {}, expiresAt: new Date() }],
  ['expiresAt', { role: 'app_user', claims: {}, expiresAt: '2030-01-01' }],
  ['claim user', { role: 'app_user', claims: { user: 2 ** 53 } }],
  ['claim id', { role: 'app_user', claims: { user: { id: -(2 ** 60) } } }],
  ['claim n', { role: 'app_user', claims: { n: Infinity } }],
  ['"name" has a character', { role: 'app_user', claims: { name: 'a\0b' } }],
  ['"1" has a character', { role: 'app_user', claims: { names: ['a', '\ud800'] } }],
  ['has a character', { role: 'app_user', claims: { '\0': 1 } }],
])('what is no identity is not taken for one: %s', ([message, input]) => {
  expect(() => parseIdentity(input)).toThrow(message)
})
