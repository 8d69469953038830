import { expect, test } from 'vitest'
import { isLater, release } from './release.ts'

test('the release is a version', () => {
  expect(release).toMatch(/^\d+\.\d+\.\d+/)
  expect(isLater(release, release)).toBe(false)
})

test.for([
  ['0.10.0', '0.9.3'],
  ['1.0.0', '0.99.99'],
  ['2.0.10', '2.0.9'],
  ['1.2.0', '1.1.9-beta.3'],
])('%s comes after %s', ([later = '', earlier = '']) => {
  expect(isLater(later, earlier)).toBe(true)
  expect(isLater(earlier, later)).toBe(false)
})
