import { expect, test } from 'vitest'
import { linkify } from './linkify.ts'

test('a web address becomes a link, the sentence around it stays', () => {
  expect(linkify('See https://example.org/a?b=1.')).toEqual([
    { text: 'See ' },
    { text: 'https://example.org/a?b=1', href: 'https://example.org/a?b=1' },
    { text: '.' },
  ])
})

test('other schemes stay text', () => {
  expect(linkify('javascript:alert(1)')).toEqual([{ text: 'javascript:alert(1)' }])
})

test('a text without links is one part, an empty text none', () => {
  expect(linkify('hello')).toEqual([{ text: 'hello' }])
  expect(linkify('')).toEqual([])
})
