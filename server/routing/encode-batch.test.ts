import { expect, test } from 'vitest'
import { batchShape } from '../../shared/protocol.ts'
import type { Definition } from './definition.ts'
import { encodeBatch } from './encode-batch.ts'
import type { Feed } from './feed.ts'
import { RoutedBatch } from './routed-batch.ts'

const feed = (id: string, visible: ReadonlySet<string> | null = null): Feed => ({
  definition: { id, relation: { visible } } as Definition,
  followers: new Set(),
  window: null,
})
const transactions = [
  { id: '7', at: '2020-01-01T00:00:00+00:00', rows: [] },
  { id: '5', at: '2020-01-01T00:00:00+00:00', rows: [] },
]

test('E-32 a change that concerns several feeds is told once, whole if one of them needs it whole', () => {
  const batch = new RoutedBatch(transactions)
  const [table, column, other] = [feed('table'), feed('column'), feed('other')]
  const update = batch.append(0, 'public.t', {
    op: 'field_update',
    relationId: 1,
    key: '[1]',
    new: '{"a":1,"b":2}',
  })
  const insert = batch.append(1, 'public.t', {
    op: 'row_insert',
    relationId: 1,
    key: '["\\"x"]',
    new: '{"a":3,"b":4}',
  })
  batch.deliver(column, update, 'a')
  batch.deliver(table, update, null)
  batch.deliver(column, insert, 'a')
  batch.deliver(other, insert, null)

  const encoded = JSON.parse(encodeBatch('e/1:2:', batch, [column, table]))
  expect(batchShape(encoded)).toBeUndefined()
  expect(encoded).toEqual({
    to: 'e/1:2:',
    subscriptions: ['column', 'table'],
    transactions: [
      {
        id: '7',
        at: '2020-01-01T00:00:00+00:00',
        changes: [
          { op: 'field_update', relation: 'public.t', key: '[1]', fields: { a: 1, b: 2 }, for: [0, 1] },
        ],
      },
      {
        id: '5',
        at: '2020-01-01T00:00:00+00:00',
        changes: [{ op: 'row_insert', relation: 'public.t', key: '["\\"x"]', row: { a: 3 }, for: [0] }],
      },
    ],
  })
})

test('rows go through as the text that PostgreSQL wrote', () => {
  const batch = new RoutedBatch(transactions)
  const table = feed('table')
  const exact = '{"n":12345678901234567890.10}'
  batch.deliver(
    table,
    batch.append(0, 'public.t', { op: 'row_insert', relationId: 1, key: '[1]', new: exact }),
    null,
  )
  expect(encodeBatch('e/1:2:', batch, [table])).toContain(exact)
})

test('two feeds of one subscription, as while its relation changes, are told of a change once', () => {
  const batch = new RoutedBatch(transactions)
  const [before, other, after] = [feed('table'), feed('other'), feed('table')]
  const update = batch.append(0, 'public.t', {
    op: 'field_update',
    relationId: 1,
    key: '[1]',
    new: '{"a":1}',
  })
  for (const one of [before, other, after]) batch.deliver(one, update, null)

  const encoded = JSON.parse(encodeBatch('e/1:2:', batch, [before, other, after]))
  expect(encoded.subscriptions).toEqual(['table', 'other'])
  expect(encoded.transactions[0].changes[0].for).toEqual([0, 1])
})

test('what its role may not see is cut from what a feed is told, and a change of nothing else is not told', () => {
  const batch = new RoutedBatch(transactions)
  const visible = new Set(['id', 'a'])
  const [table, row, other] = [feed('table', visible), feed('row', visible), feed('other')]
  const change = (op: 'row_insert' | 'row_delete' | 'field_update', content: string | null) => {
    const of = batch.append(0, 'public.t', { op, relationId: 1, key: '[1]', new: content })
    for (const each of [table, row, other]) batch.deliver(each, of, null)
  }
  change('row_insert', '{"id":1,"a":2,"secret":3}')
  change('field_update', '{"a":4,"secret":5}')
  change('field_update', '{"secret":6}')
  change('row_delete', null)

  const told = (...feeds: Feed[]) => JSON.parse(encodeBatch('e/1:2:', batch, feeds)).transactions[0].changes
  const common = { relation: 'public.t', key: '[1]', for: [0, 1] }
  expect(told(table, row)).toEqual([
    { op: 'row_insert', ...common, row: { id: 1, a: 2 } },
    { op: 'field_update', ...common, fields: { a: 4 } },
    { op: 'row_delete', ...common },
  ])
  expect(encodeBatch('e/1:2:', batch, [other])).toContain('"fields":{"secret":6}')
})
