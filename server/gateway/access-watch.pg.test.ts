import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { createEncodingPool } from '../db/pool.ts'
import { define } from '../routing/definition.ts'
import { Definitions } from '../routing/definitions.ts'
import type { SessionStore } from '../session/session-store.ts'
import { AccessWatch } from './access-watch.ts'
import { Connection, LiveSession, type GatewaySocket } from './connection.ts'
import { Following } from './following.ts'
import { nothing } from './missing.ts'
import type { Welcome } from './welcome.ts'

/** A connection that follows a table, which then gets another shape. */
async function followingWhatChanges(
  write: (connection: Connection) => Promise<void>,
  asking: (definitions: Definitions) => Pick<Definitions, 'define' | 'forget'> = (definitions) => definitions,
) {
  const database = await createTestDatabase()
  const admin = await database.connect()
  await admin.query(`create table a (id int primary key); select event.track('a')`)
  const { rows } = await admin.query('select current_user as role')
  const identity = { role: rows[0].role, claims: {} }
  const pool = createEncodingPool(database.url, 1)
  const following = new Following()
  const subscription = { kind: 'table', relation: 'a' } as const
  const definition = await define(pool, subscription, identity)
  const { id } = definition
  const session = new LiveSession('s')
  const socket = { data: { identity }, conn: { on: () => undefined } } as unknown as GatewaySocket
  const connection = new Connection(socket, session, nothing(), 1_000)
  connection.wanted.set(id, subscription)
  following.follow(connection, definition, new Set())
  await admin.query('alter table a add column b int')
  const awaited: Connection[] = []
  const access = new AccessWatch({
    following,
    pool,
    definitions: asking(new Definitions(pool)) as Definitions,
    wake: () => undefined,
    refreshCapture: () => Promise.resolve(),
    welcome: { await: (waiting) => awaited.push(waiting) } as Pick<Welcome, 'await'> as Welcome,
    sessions: {
      addSubscriptions: () => write(connection),
    } as Pick<SessionStore, 'addSubscriptions'> as SessionStore,
    logger: pino({ enabled: false }),
  })
  return {
    access,
    awaited,
    following,
    connection,
    id,
    definition,
    /** Another connection that waits to follow it, as it was before. */
    waiting({ isShown }: { isShown: boolean }): Connection {
      const other = new Connection(socket, new LiveSession('other'), nothing(), 1_000)
      other.wanted.set(id, subscription)
      other.pending.set(id, { definition: { ...definition }, isHeld: false, isShown })
      return other
    },
    relationId: definition.relation.id,
    async [Symbol.asyncDispose]() {
      await pool.end()
      await database[Symbol.asyncDispose]()
    },
  }
}

test('what has another shape is read afresh, though that could not be noted of the session', async () => {
  await using at = await followingWhatChanges(() => Promise.reject(new Error('the database has gone')))
  await expect(at.access.checkNow(at.relationId)).resolves.toBe(true)
  expect([...at.connection.pending.keys()]).toEqual([at.id])
  expect(at.awaited).toEqual([at.connection])
})

test('what is left while its new shape is noted does not come back', async () => {
  await using at = await followingWhatChanges((connection) => {
    connection.wanted.clear() // as when the client unsubscribes
    connection.pending.clear()
    return Promise.resolve()
  })
  await at.access.checkNow(at.relationId)
  expect([...at.connection.pending.keys()]).toEqual([])
})

test('what has another shape before it could begin is awaited as that by all who wait for it, and nobody is interrupted', async () => {
  await using at = await followingWhatChanges(() => Promise.resolve())
  const connections = [true, false].map((isShown) => at.waiting({ isShown }))
  const refused = connections.map((connection) => ({ connection, definition: at.definition, error: '' }))
  await expect(at.access.redefine(refused)).resolves.toEqual([])
  const awaited = connections.map(({ pending }) => pending.get(at.id))
  for (const one of awaited) expect(one?.definition.relation.shape).not.toBe(at.definition.relation.shape)
  expect(awaited.map((one) => one?.isShown)).toEqual([true, false])
  expect(at.awaited).toEqual([]) // they wait already

  const again = awaited.flatMap((one, i) => {
    const connection = connections[i]
    return one && connection ? [{ connection, definition: { ...one.definition }, error: '' }] : []
  })
  await expect(at.access.redefine(again)).resolves.toEqual(again)
})

test('all who follow something are asked at once what it is to them now, not one after the other', async () => {
  const connections = 20
  let asked = 0
  let release: () => void = () => undefined
  const allAsked = new Promise<void>((resolve) => (release = resolve))
  await using at = await followingWhatChanges(
    () => Promise.resolve(),
    (definitions) => ({
      forget: () => definitions.forget(),
      async define(subscription, identity) {
        if (++asked === connections) release()
        await allAsked
        return definitions.define(subscription, identity)
      },
    }),
  )
  for (let n = 1; n < connections; n++)
    at.following.follow(at.waiting({ isShown: true }), at.definition, new Set())
  await at.access.checkNow(at.relationId)
  expect(at.awaited).toHaveLength(connections)
})
