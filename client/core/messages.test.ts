import { expect, test } from 'vitest'
import { parseMessage } from './messages.ts'

const snapshot = { subscription: 'table:public.person', to: 'e/1:1:', shape: '1', done: true }

test('rows come as pairs of a key and an object, and nothing else is taken for rows', () => {
  const rows = [['[1]', { id: 1 }]]
  expect(parseMessage('snapshot', { ...snapshot, rows })).toEqual({ name: 'snapshot', ...snapshot, rows })
  for (const wrong of [{}, [{}], [['[1]']], [[1, {}]], [['[1]', null]], [['[1]', []]], [['[1]', {}, {}]]])
    expect(() => parseMessage('snapshot', { ...snapshot, rows: wrong })).toThrow('snapshot.rows')
})
