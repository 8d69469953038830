import { expect, test } from 'vitest'
import type { Definition } from '../routing/definition.ts'
import { LiveSession, type Connection } from './connection.ts'
import { Following } from './following.ts'

const dependency = { columns: null, key: { column: 'person', place: 0, claim: 0 } }
const relation = {
  id: 1,
  name: 'public.message',
  role: 'reader',
  state: 'one',
  security: { isOpaque: false, dependencies: new Map([[2, dependency]]), unobserved: [], columns: new Set() },
}

function connectionOf(sub: string): Connection {
  const session = new LiveSession(sub)
  const audience = session.audienceOf({ role: 'reader', claims: { sub } })
  const connection = {
    session,
    audience,
    feeds: new Map(),
    wanted: new Map(),
    pending: new Map(),
    leave: () => void audience.connections.delete(connection),
  } as unknown as Connection
  audience.connections.add(connection)
  return connection
}

function definitionOf(sub: string, kind: object): Definition {
  const sight = { name: sub, role: 'reader', claims: JSON.stringify({ sub }), values: [sub] }
  return { ...kind, relation, sight } as unknown as Definition
}

test('of those who have gone, whatever they saw, nothing is left', () => {
  const following = new Following()
  const connections = Array.from({ length: 300 }, (_, n) => connectionOf(`person ${n % 200}`)) // some see the same
  connections.forEach((connection, n) => {
    const sub = `person ${n % 200}`
    const table = definitionOf(sub, { id: 'table', kind: 'table', query: null })
    const row = definitionOf(sub, { id: 'row', kind: 'row', key: `[${n}]` })
    for (const definition of [table, row])
      following.follow(connection, definition, new Set([`[${n}]`, '[0]']))
  })
  const [aspect, ...more] = following.routes.aspects
  expect([aspect?.views.size, more.length, [...following.feeds].length]).toEqual([200, 0, 400])
  expect(following.routes.relationIds).toEqual([1, 2])

  for (const connection of connections) following.leave(connection)
  expect([...following.feeds, ...following.relationIds, ...following.routes.aspects]).toEqual([])
  expect(following.routes.relationIds).toEqual([])
  expect(following.relationsOf([1, 2])).toEqual([])
  const gone = { op: 'row_delete', relationId: 2, key: '["person 0"]', old: null, new: null } as const
  expect(aspect?.views.size).toBe(0)
  expect([...(aspect?.holders('[0]') ?? [])]).toEqual([])
  expect(aspect?.viewsConcernedBy(new Map([[2, [gone]]])).size).toBe(0)
})

test('what is asked again all the time is not doubtful when it has just been asked, though the next time has come', () => {
  const following = new Following()
  const table = definitionOf('ann', { id: 'table', kind: 'table', query: null })
  following.follow(connectionOf('ann'), table, new Set())
  following.recheck(1)
  expect([...following.unsettled]).toEqual([1])
  expect([...following.takeUnsettled([])]).toEqual([1])
  following.recheck(1)
  expect(following.isDoubtful(table)).toBe(false)
  following.unsettle(1)
  expect(following.isDoubtful(table)).toBe(true)
})
