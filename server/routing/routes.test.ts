import { expect, test } from 'vitest'
import type { LogRow } from '../log/read-log.ts'
import type { RelationInfo } from './catalogue.ts'
import type { Definition } from './definition.ts'
import type { Feed } from './feed.ts'
import { Routes } from './routes.ts'

const relation = (id: number): RelationInfo => ({
  id,
  oid: id,
  role: 'app_user',
  schema: 'public',
  relation: `t${id}`,
  name: `public.t${id}`,
  sqlName: `public.t${id}`,
  columns: new Map(),
  security: null,
  visible: null,
  keyColumns: ['id'],
  rowExpression: '',
  keyExpression: '',
  shape: '',
  state: '',
  rightsSince: '1',
})

let ids = 0
type Kind =
  | { kind: 'table' }
  | { kind: 'column'; column: string }
  | { kind: 'row'; key: string }
  | { kind: 'field'; key: string; column: string }
function feed(relationId: number, kind: Kind): Feed {
  const definition = {
    id: `f${ids++}`,
    relation: relation(relationId),
    ...kind,
    ...(kind.kind === 'table' && { query: null }),
  }
  return { definition: definition as Definition, followers: new Set(), window: null }
}

function hits(routes: Routes, row: LogRow): [Feed, string | null][] {
  const found: [Feed, string | null][] = []
  const fields = () => Object.keys(JSON.parse(row.new ?? '{}') as object)
  routes.match(row, fields, (hit, column) => found.push([hit, column]))
  return found
}

const update = (relationId: number, key: string, fields: object): LogRow => ({
  op: 'field_update',
  relationId,
  key,
  new: JSON.stringify(fields),
})
const insert = (relationId: number, key: string, row: object): LogRow => ({
  ...update(relationId, key, row),
  op: 'row_insert',
})
const remove = (relationId: number, key: string): LogRow => ({ op: 'row_delete', relationId, key, new: null })

test('E-31 a change hits the feeds that it concerns, whole or by column, and no others', () => {
  const routes = new Routes()
  const table = feed(1, { kind: 'table' })
  const column = feed(1, { kind: 'column', column: 'constructor' })
  const row = feed(1, { kind: 'row', key: '[1]' })
  const field = feed(1, { kind: 'field', key: '[1]', column: 'name' })
  const others = [
    feed(2, { kind: 'table' }),
    feed(1, { kind: 'row', key: '["1"]' }),
    feed(1, { kind: 'field', key: '[1]', column: 'score' }),
    feed(1, { kind: 'column', column: 'score' }),
  ]
  for (const each of [table, column, row, field, ...others]) routes.add(each)

  expect(hits(routes, update(1, '[1]', { name: 'x' }))).toEqual([
    [table, null],
    [row, null],
    [field, 'name'],
  ])
  expect(hits(routes, update(1, '[2]', { constructor: 'x' }))).toEqual([
    [table, null],
    [column, 'constructor'],
  ])
  expect(hits(routes, update(3, '[1]', { name: 'x' }))).toEqual([])
})

test('E-25 E-26 inserts and deletes reach columns, rows and fields too', () => {
  const routes = new Routes()
  const column = feed(1, { kind: 'column', column: 'name' })
  const field = feed(1, { kind: 'field', key: '[1]', column: 'name' })
  routes.add(column)
  routes.add(field)
  for (const change of [insert(1, '[1]', { id: 1, name: 'x' }), remove(1, '[1]')])
    expect(hits(routes, change)).toEqual([
      [column, 'name'],
      [field, 'name'],
    ])
  expect(hits(routes, remove(1, '[2]'))).toEqual([[column, 'name']])
})

test('what nobody follows any more is not read', () => {
  const routes = new Routes()
  const feeds = [
    feed(1, { kind: 'table' }),
    feed(1, { kind: 'row', key: '[1]' }),
    feed(2, { kind: 'column', column: 'a' }),
  ]
  for (const each of feeds) routes.add(each)
  expect(routes.relationIds).toEqual([1, 2])
  for (const each of feeds) routes.delete(each)
  expect(routes.relationIds).toEqual([])
  expect(hits(routes, remove(1, '[1]'))).toEqual([])
})

test('what policies read is observed once it is tracked, while anybody follows', () => {
  const routes = new Routes()
  const secured = { ...relation(1), security: { isOpaque: true, dependencies: new Map(), unobserved: [] } }
  const sight = { name: 'one', role: 'app_user', claims: '{}', values: null }
  const definition = {
    id: 'f',
    kind: 'table',
    relation: secured,
    query: null,
    sight,
  } as unknown as Definition
  const followed: Feed = { definition, followers: new Set(), window: { query: null, keys: new Set() } }
  routes.add(followed)
  const read = { oid: 7, name: 'public.member', hasUnlogged: false }
  const seen = () => [...routes.aspects].map(({ unobserved }) => unobserved)
  routes.observe(1, [{ ...read, trackedId: null }])
  expect([seen(), routes.relationIds]).toEqual([[['public.member']], [1]])
  routes.observe(1, [{ ...read, trackedId: 2 }])
  expect([seen(), routes.relationIds]).toEqual([[[]], [1, 2]])
  // Who comes after the last has left begins with nothing.
  routes.delete(followed)
  routes.add(followed)
  expect(routes.relationIds).toEqual([1])
})
