import { expect, test } from 'vitest'
import type { Channel } from '../tables.ts'
import { channelHref, isAt, parseRoute } from './route.ts'

const channel = (id: number, name: string, isPrivate: boolean): Channel => ({
  id,
  name,
  topic: '',
  created_at: '',
  is_private: isPrivate,
  owner_id: null,
})
const channels = [
  channel(1, 'general', false),
  channel(2, 'general', true),
  channel(3, 'naïve-日本', false),
  channel(4, '3', true),
]

test('a channel’s address leads to it and to no other, also to one of the same name', () => {
  for (const each of channels) {
    const route = parseRoute(channelHref(each))
    expect(channels.filter((other) => isAt(route, other))).toEqual([each])
  }
})

test('what is no address leads home', () => {
  for (const hash of ['', '#', '#/c/', '#/c/%', '#/c/a/b', '#/p/', '#/p/general', '#/p/99999999999'])
    expect(parseRoute(hash)).toEqual({ page: 'home' })
})
