import { expect, test } from 'vitest'
import { toChannelName } from './channel-name.ts'

test('a typed name becomes lower-case words with hyphens', () => {
  expect(toChannelName('  Team lunch! ')).toBe('team-lunch')
  expect(toChannelName('a -- b')).toBe('a-b')
})

test('letters and digits of every script stay', () => {
  expect(toChannelName('Grüße 2')).toBe('grüße-2')
  expect(toChannelName('東京 散歩')).toBe('東京-散歩')
})

test('a name without letters or digits is empty', () => {
  expect(toChannelName('!?')).toBe('')
})
