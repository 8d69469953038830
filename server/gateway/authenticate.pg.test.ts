import { SignJWT } from 'jose'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Attached, Lasting, Reply } from '../../shared/protocol.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { startRowcast, type RowcastServer } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'
import { verifyJwt } from './verify-jwt.ts'

const secret = 'thirty-two bytes are the least that will do'
let database: TestDatabase
let server: RowcastServer
let sql: pg.Client
let role: string

beforeAll(async () => {
  database = await createTestDatabase()
  sql = await database.connect()
  role = await database.createRole('nologin')
  await sql.query(`
    create table note (id int generated always as identity primary key, written_at float8 not null);
    grant select on note to ${role};
    select event.track('note')`)
  server = await startRowcast(database, { authenticate: verifyJwt({ secret, clockToleranceMs: 0 }) })
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

/** A token of somebody's, good for so long. */
function tokenOf(sub: string, lifeMs = 600_000, more: Record<string, unknown> = {}): Promise<string> {
  const exp = (Date.now() + lifeMs) / 1000
  return new SignJWT({ sub, role, exp, jti: crypto.randomUUID(), ...more })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret))
}

const noteTable = { kind: 'table', relation: 'note' } as const

async function attach(token: unknown, session?: Attached['session']): Promise<[TestSocket, Attached]> {
  const socket = new TestSocket(server.url, { token })
  const reply = await socket.attach({
    subscriptions: [{ subscription: noteTable }],
    ...(session && { session }),
  })
  if (!reply.ok) throw Object.assign(new Error(reply.message), { code: reply.code })
  await socket.next('progress')
  return [socket, reply.value]
}

function renew(socket: TestSocket, token: unknown): Promise<Reply<Lasting>> {
  return socket.request<Lasting>('authenticate', { auth: { token } })
}

/** Writes a row that says when. */
async function write(): Promise<number> {
  const { rows } = await sql.query('insert into note (written_at) values ($1) returning id', [Date.now()])
  return rows[0].id
}

async function isTold(socket: TestSocket, id: number): Promise<void> {
  await socket.until((changes) => changes.some(({ key }) => key === `[${id}]`))
}

test('who is let in is told for how long, and by a token without end for ever', async () => {
  const [socket, attached] = await attach(await tokenOf('ann', 60_000))
  expect(attached.expiresInMs).toBeGreaterThan(30_000)
  expect(attached.expiresInMs).toBeLessThanOrEqual(60_000)
  const [lasting, forEver] = await attach(await tokenOf('ann', 0, { exp: undefined }))
  expect(forEver).not.toHaveProperty('expiresInMs')
  await socket[Symbol.asyncDispose]()
  await lasting[Symbol.asyncDispose]()
})

test('what is written after the token has expired is not delivered, however soon; the client is told, and cut off', async () => {
  const expiresAt = Date.now() + 4_000
  const [socket] = await attach(await tokenOf('ann', expiresAt - Date.now()))
  const ended = new Promise((resolve) => socket.socket.once('disconnect', resolve))
  while (Date.now() < expiresAt + 300) await write()
  expect(await socket.next('expired')).toEqual({})
  expect(await ended).toBe('io server disconnect')
  const told = socket.changes.flatMap((change) =>
    change.op === 'row_insert' ? [change.row['written_at']] : [],
  )
  expect(told.length).toBeGreaterThan(0)
  expect(Math.max(...(told as number[]))).toBeLessThanOrEqual(expiresAt)
  expect(socket.messages.at(-1)?.event).toBe('expired')
})

describe('renewal on an open connection', () => {
  test('goes on beyond the end of what was before, and reads nothing again', async () => {
    const [socket] = await attach(await tokenOf('ann', 4_000))
    const seen = socket.messages.length
    expect(await renew(socket, await tokenOf('ann', 60_000))).toMatchObject({
      ok: true,
      value: { expiresInMs: expect.any(Number) },
    })
    await new Promise((resolve) => setTimeout(resolve, 4_200))
    await isTold(socket, await write())
    expect(new Set(socket.messages.slice(seen).map(({ event }) => event))).not.toContain('snapshot')
    expect(socket.messages.some(({ event }) => event === 'expired')).toBe(false)
    await socket[Symbol.asyncDispose]()
  })

  test('with other claims that see the same reads nothing again either', async () => {
    const [socket] = await attach(await tokenOf('ann'))
    const seen = socket.messages.length
    expect(await renew(socket, await tokenOf('ann', 60_000, { team: 7 }))).toMatchObject({ ok: true })
    await isTold(socket, await write())
    expect(new Set(socket.messages.slice(seen).map(({ event }) => event))).not.toContain('snapshot')
    await socket[Symbol.asyncDispose]()
  })

  test('as somebody else is refused, as is whatever is not accepted; what was before goes on', async () => {
    const [socket] = await attach(await tokenOf('ann'))
    const seen = socket.messages.length
    const refusals: [unknown, string][] = [
      [await tokenOf('bob'), 'identity_changed'],
      [await tokenOf('ann', 60_000, { sub: undefined }), 'identity_changed'],
      [await tokenOf('ann', 60_000, { role: 'postgres' }), 'identity_changed'],
      [await tokenOf('ann', -1_000), 'expired'],
      ['x.y.z', 'unauthenticated'],
      [undefined, 'unauthenticated'],
    ]
    for (const [token, code] of refusals)
      expect(await renew(socket, token)).toMatchObject({ ok: false, code })
    for (const message of [undefined, {}, { auth: 'x' }, { token: 'x' }])
      expect(await socket.request('authenticate', message)).toMatchObject({
        ok: false,
        code: 'invalid_message',
      })
    await isTold(socket, await write())
    expect(new Set(socket.messages.slice(seen).map(({ event }) => event))).not.toContain('catch_up')
    await socket[Symbol.asyncDispose]()
  })

  test('comes after attaching', async () => {
    await using socket = new TestSocket(server.url, { token: await tokenOf('ann') })
    expect(await renew(socket, await tokenOf('ann'))).toMatchObject({ ok: false, code: 'invalid_message' })
  })
})

test('N15 E-14 a session is its user’s: nobody else’s token opens it, and a new one of his does', async () => {
  const [socket, { session }] = await attach(await tokenOf('ann'))
  await socket[Symbol.asyncDispose]()
  const otherRole = await database.createRole('nologin')
  await sql.query(`grant select on note to ${otherRole}`)
  for (const token of [
    await tokenOf('bob'),
    await tokenOf('ann', 60_000, { role: otherRole }),
    await tokenOf('ann', 60_000, { sub: undefined }),
    await tokenOf('ann', 60_000, { sub: ['ann'] }),
  ])
    await expect(attach(token, session)).rejects.toMatchObject({ code: 'session_not_found' })
  const [again, attached] = await attach(await tokenOf('ann', 60_000, { team: 7 }), session)
  expect(attached).toMatchObject({ session, resumed: true })
  await again[Symbol.asyncDispose]()
})

describe('what authenticate does wrong', () => {
  test.for<[string, () => never, string]>([
    ['returns nothing', () => undefined as never, 'internal'],
    [
      'returns the way back to the server’s own user',
      () => ({ role: 'none', claims: {} }) as never,
      'internal',
    ],
    [
      'cannot reach what it needs',
      () => {
        throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
      },
      'internal',
    ],
    [
      'throws whatever it likes',
      () => {
        throw new Error('the user table has no row for ann')
      },
      'unauthenticated',
    ],
    ['lets in what has expired', () => ({ role, claims: {}, expiresAt: Date.now() }) as never, 'expired'],
  ])('it %s', async ([, authenticate, code]) => {
    await using own = await startRowcast(database, { authenticate })
    await using socket = new TestSocket(own.url)
    const error = await new Promise<{ data?: unknown }>((resolve) =>
      socket.socket.once('connect_error', resolve),
    )
    expect(error.data).toMatchObject({ code })
    expect(JSON.stringify(error.data)).not.toContain('ann')
  })
})
