import { expect, test } from 'vitest'
import type { LogRow } from '../log/read-log.ts'
import { ViewsByClaim } from './concerned-views.ts'
import { View } from './window-index.ts'

const viewOf = (name: string, values: readonly (string | null)[] | null) =>
  new View({ name, role: 'reader', claims: '{}', values })
const [ann, bob, nobody, unknown] = [
  viewOf('ann', ['x', '7']),
  viewOf('bob', ['x', '8']),
  viewOf('nobody', ['x', null]),
  viewOf('unknown', null),
]

function concerned(row: Partial<LogRow>, place: number | null, columns: string[] | null = null) {
  const views = new ViewsByClaim([1])
  for (const view of [ann, bob, nobody, unknown]) if (view) views.add(view)
  const found = views.concernedBy(
    { op: 'row_insert', relationId: 1, key: '[1,7]', new: '{"team":1,"person":7,"rank":2}', ...row },
    { columns: columns && new Set(columns), key: { column: 'person', place, claim: 1 } },
  )
  return found && [...found].map(({ sight }) => sight.name)
}

test('a row that names a claim concerns those who have it, and those of whom that is not known', () => {
  expect(concerned({}, 1)).toEqual(['unknown', 'ann'])
  expect(concerned({ op: 'row_delete', new: null }, 1)).toEqual(['unknown', 'ann'])
  expect(concerned({ op: 'field_update', key: '[1,8]', new: '{"rank":3}' }, 1)).toEqual(['unknown', 'bob'])
  expect(concerned({ key: '[1,null]' }, 1)).toEqual(['unknown'])
})

test('a change of what no policy reads concerns nobody', () => {
  expect(concerned({ op: 'field_update', new: '{"rank":3}' }, 1, ['team', 'person'])).toEqual([])
  expect(concerned({ op: 'field_update', new: '{"team":3}' }, 1, ['team', 'person'])).not.toEqual([])
})

test('where the claim is not in the key, it is known of what comes, goes or changes it', () => {
  expect(concerned({}, null)).toEqual(['unknown', 'ann'])
  expect(concerned({ op: 'row_delete', new: null, old: '{"person":8}' }, null)).toEqual(['unknown', 'bob'])
  const moved = { op: 'field_update', new: '{"person":8}', old: '{"person":7}' } as const
  expect(concerned(moved, null)).toEqual(['unknown', 'bob', 'ann'])
  expect(concerned({ op: 'field_update', new: '{"rank":3}', old: '{"rank":2}' }, null)).toBeUndefined()
})

test('who has gone is not found', () => {
  const views = new ViewsByClaim([1])
  if (ann) views.add(ann)
  if (ann) views.delete(ann)
  const row: LogRow = { op: 'row_insert', relationId: 1, key: '[1,7]', new: '{}' }
  const key = { column: 'person', place: 1, claim: 1 }
  expect([...(views.concernedBy(row, { columns: null, key }) ?? [])]).toEqual([])
})
