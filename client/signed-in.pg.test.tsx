import './testing/dom.ts'
import { cleanup, configure, render } from '@testing-library/react'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type pg from 'pg'
import { StrictMode } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { verifyJwt } from '../server/index.ts'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'
import { startRowcast, type RowcastServer } from '../test/rowcast-server.ts'
import { createClient, type Auth, type Client } from './core/index.ts'
import { RowcastProvider, useConnection, useTable } from './react/index.ts'

// these tests wait for what the page shows, as a person does
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false })

configure({ asyncUtilTimeout: 20_000 })

const secret = 'thirty-two bytes are the least that will do'
let database: TestDatabase
let server: RowcastServer
let sql: pg.Client
const clients: Client[] = []

beforeEach(async () => {
  database = await createTestDatabase()
  sql = await database.connect()
  await sql.query(`
    create table person (id int primary key, name text not null);
    select event.track('person');
    insert into person values (1, 'joe')`)
  server = await startRowcast(database, { authenticate: verifyJwt({ secret, clockToleranceMs: 0 }) })
})

afterEach(async () => {
  cleanup()
  for (const client of clients.splice(0)) client.close()
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

function tokenOf(sub: string, lifeMs: number): Promise<string> {
  return new SignJWT({ sub, role: database.reader, exp: (Date.now() + lifeMs) / 1000 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret))
}

function Page() {
  const people = useTable('person')
  const { status, error } = useConnection(({ status, error }) => ({ status, error }))
  return (
    <>
      <b>{error ? `${status}: ${error.code}` : status}</b>
      <p>{people.data?.map(({ name }) => String(name)).join(', ')}</p>
    </>
  )
}

function open(auth: Auth) {
  const options = { graceMs: 20, retryDelayMs: 20, maxRetryDelayMs: 100, onError: () => undefined }
  const client = createClient({ url: server.url, auth, ...options })
  clients.push(client)
  const statuses = new Set<string>()
  client.store.subscribe(({ connection }) => statuses.add(connection.status))
  const page = render(
    <StrictMode>
      <RowcastProvider client={client}>
        <Page />
      </RowcastProvider>
    </StrictMode>,
  )
  return { client, page, statuses }
}

test('a token that is renewed before it expires is not noticed on the page', async () => {
  let asked = 0
  const { page, statuses } = open(async () => ({
    token: await tokenOf('ann', asked++ < 2 ? 6_000 : 600_000),
  }))
  await page.findByText('live')
  statuses.clear()
  await vi.waitFor(() => expect(asked).toBeGreaterThanOrEqual(3), 20_000)
  await new Promise((resolve) => setTimeout(resolve, 6_000))
  await sql.query(`insert into person values (2, 'ann')`)
  await page.findByText('joe, ann')
  expect([...statuses]).toEqual(['live'])
})

test('a token that expires ends what the page is told; it says so, and goes on once there is another', async () => {
  const expiresAt = Date.now() + 6_000
  let token = await tokenOf('ann', expiresAt - Date.now())
  const { client, page } = open(() => ({ token }))
  await page.findByText('joe')
  await page.findByText('live')
  await page.findByText('unauthenticated: expired')
  expect(Date.now()).toBeGreaterThanOrEqual(expiresAt)
  await sql.query(`insert into person values (2, 'ann')`)
  await new Promise((resolve) => setTimeout(resolve, 300))
  page.getByText('joe')
  page.getByText('unauthenticated: expired')
  token = await tokenOf('ann', 600_000)
  await client.renewAuth()
  await page.findByText('joe, ann')
  await page.findByText('live')
})

test('while the issuer’s keys cannot be fetched a page waits, and is let in once they can', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const keys = JSON.stringify({ keys: [await exportJWK(publicKey)] })
  let isUp = false
  const issuer = createServer((_request, response) => void response.writeHead(isUp ? 200 : 503).end(keys))
  await once(issuer.listen(0, '127.0.0.1'), 'listening')
  const jwks = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks.json`
  const { port } = server
  await server[Symbol.asyncDispose]()
  server = await startRowcast(database, { port, authenticate: verifyJwt({ jwks }) })
  try {
    const token = await new SignJWT({ role: database.reader })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(privateKey)
    const { page } = open({ token })
    await page.findByText('connecting: internal')
    isUp = true
    await page.findByText('live')
    await page.findByText('joe')
  } finally {
    issuer.closeAllConnections()
    issuer.close()
  }
})

test('another user’s token is not taken on the open connection, and begins a session of his own afterwards', async () => {
  const sessions = async () => (await sql.query('select subject from event.session order by subject')).rows
  let token = await tokenOf('ann', 600_000)
  const { client, page } = open(() => ({ token }))
  await page.findByText('live')
  token = await tokenOf('bob', 600_000)
  await expect(client.renewAuth()).rejects.toMatchObject({ code: 'identity_changed' })
  await page.findByText('live')
  expect(await sessions()).toEqual([{ subject: 'ann' }])
  client.close()
  client.connect()
  await vi.waitFor(
    async () => expect(await sessions()).toEqual([{ subject: 'ann' }, { subject: 'bob' }]),
    20_000,
  )
  await page.findByText('live')
})
