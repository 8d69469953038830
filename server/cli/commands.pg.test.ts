import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { RawWebSocket } from '../../test/raw-websocket.ts'
import { runRowcast, startRowcast } from '../../test/rowcast-process.ts'
import { urlOfUser } from '../../test/server.ts'
import { TestSocket } from '../../test/socket.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'

test.for([
  ['dev', 'vite.config'],
  ['serve', 'rowcast.config.js'],
  ['migrate', 'up to date'],
  ['check', 'changes nothing'],
  ['track', 'primary key'],
  ['untrack', 'Takes capture off'],
  ['sessions', 'until it expires or is ended'],
  ['log', 'Whoever comes back later'],
  ['audit', 'in databases and roles of its own'],
])('%s --help says what it does, with an example, and exits with 0', async ([command = '', words]) => {
  const { code, output } = await runRowcast([command, '--help'])
  expect(output).toContain(words)
  expect(output).toMatch(/Examples?:\n {2}.*rowcast /)
  expect(code).toBe(0)
})

test.for([
  [['track']],
  [['nope']],
  [['serve', '--port', 'x']],
  [['migrate', '--nope']],
  [['sessions', 'end']],
  [['sessions', '--limit', '0']],
  [['log', 'retain']],
  [['audit', '--seconds', 'soon']],
])('a wrong command line exits with 2: %s', async ([args = []]) => {
  const { code } = await runRowcast(args)
  expect(code).toBe(2)
})

test('migrate brings a database up to date, and may be repeated', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query('drop schema event cascade; drop schema meta cascade')
  for (const _ of ['first', 'again']) {
    const { code, output } = await runRowcast(['migrate', '--database', database.url])
    expect(output).toMatch(/The database is up to date\.\n$/)
    expect(code).toBe(0)
  }
  await client.query('select count(*) from event.change')
})

test('migrate --server-role makes a role that can run servers, and prints what it did', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  const role = `${database.name}_srv`
  await using _ = {
    [Symbol.asyncDispose]: async () => void (await client.query(`drop owned by ${role}; drop role ${role}`)),
  }
  const migrate = ['migrate', '--database', database.url, '--server-role', role]
  const first = await runRowcast(migrate)
  expect(first.code).toBe(0)
  expect(first.output).toContain(`create role ${role} login noinherit;\n`)
  expect(first.output).toContain(`grant select, insert, update, delete on table event.server,`)
  const again = await runRowcast(migrate)
  expect(again.code).toBe(0)
  expect(again.output).not.toContain('create role')

  await client.query(`alter role ${role} password 'secret'`)
  const url = urlOfUser(database.url, role, 'secret')
  const ready = await runRowcast(['check', '--database', url])
  expect(ready.output).toContain(`✓ ${role} has the grants that a server needs`)
  expect(ready.code).toBe(0)
  const missing = await runRowcast(['check', '--database', url, '--role', 'nobody_at_all', '--json'])
  expect(missing.code).toBe(1)
  expect(JSON.parse(missing.output)).toMatchObject({
    isReady: false,
    findings: expect.arrayContaining([
      expect.objectContaining({ state: 'missing', topic: 'roles', text: 'there is no role nobody_at_all' }),
    ]),
  })
})

test('track and untrack change what is captured, by the names that SQL has for it', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query(
    'create table "Mixed Case" (id int primary key); create table player (id int primary key)',
  )
  const changes = async () => {
    await client.query('delete from "Mixed Case"; insert into "Mixed Case" values (1)')
    const { rows } = await client.query<{ n: number }>('select count(*)::int as n from event.change')
    return rows[0]?.n
  }
  const env = { DATABASE_URL: database.url }

  const tracked = await runRowcast(['track', '"Mixed Case"', 'public.player'], { env })
  expect(tracked).toEqual({
    code: 0,
    output: '"Mixed Case" is now tracked.\npublic.player is now tracked.\n',
  })
  expect(await changes()).toBe(1)

  const untracked = await runRowcast(['untrack', '"Mixed Case"'], { env })
  expect(untracked).toEqual({ code: 0, output: '"Mixed Case" is no longer tracked.\n' })
  expect(await changes()).toBe(1)
})

test('track --except leaves columns out, of one table at a time', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query('create table account (id int primary key, name text, hash text, token text)')
  const excepted = async () =>
    (await client.query(`select event.excepted_columns('account') as names`)).rows[0].names
  const env = { DATABASE_URL: database.url }

  expect((await runRowcast(['track', 'account', '--except', 'hash,token'], { env })).code).toBe(0)
  expect(await excepted()).toEqual(['hash', 'token'])
  expect((await runRowcast(['track', 'account'], { env })).code).toBe(0)
  expect(await excepted()).toEqual(['hash', 'token'])
  expect((await runRowcast(['track', 'account', '--except', ''], { env })).code).toBe(0)
  expect(await excepted()).toEqual([])

  expect((await runRowcast(['track', 'account', 'account', '--except', 'hash'], { env })).code).toBe(2)
  const key = await runRowcast(['track', 'account', '--except', 'id'], { env })
  expect(key).toMatchObject({
    code: 1,
    output: expect.stringContaining('column id of public.account cannot be left out'),
  })
})

test('tracking tracks all or none, and says why without a stack', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query('create table player (id int primary key); create table loose (id int)')

  const missing = await runRowcast(['track', 'player', 'nope', '--database', database.url])
  expect(missing.code).toBe(1)
  expect(missing.output).toContain('relation "nope" does not exist')
  expect(missing.output).not.toMatch(/\n {4}at /)

  const keyless = await runRowcast(['track', 'loose', '--database', database.url])
  expect(keyless.code).toBe(1)
  expect(keyless.output).toContain('primary key')

  await client.query('insert into player values (1)')
  const { rows } = await client.query('select from event.change')
  expect(rows).toEqual([])
})

test('a command that has to wait says what for', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query('create table player (id int primary key)')
  await client.query('begin; lock table player')
  await using rowcast = startRowcast(['track', 'player', '--database', database.url])
  await rowcast.until(/waiting for the database …/)
  await client.query('commit')
  expect(await rowcast.exitCode()).toBe(0)
})

test('a database that is not there is told with what to check', async () => {
  const { code, output } = await runRowcast(['migrate', '--database', 'postgres://127.0.0.1:1/app'])
  expect(code).toBe(1)
  expect(output).toContain('Is PostgreSQL running there?')
  expect(output).not.toMatch(/\n {4}at /)
})

test('the address of the database may stand in .env', async () => {
  await using database = await createTestDatabase()
  await using project = await temporaryFolder({ '.env': `DATABASE_URL=${database.url}\n` })
  const { output, code } = await runRowcast(['migrate'], {
    cwd: project.path,
    env: { DATABASE_URL: undefined },
  })
  expect(output).toMatch(/The database is up to date\.\n$/)
  expect(code).toBe(0)
})

test('serve does not start without authenticate, nor without a database', async () => {
  await using project = await temporaryFolder()
  const open = await runRowcast(['serve'], { cwd: project.path })
  expect(open.code).toBe(2)
  expect(open.output).toContain('Without `authenticate` everybody could read everything')

  await using closed = await temporaryFolder({ 'rowcast.config.mjs': config })
  const lost = await runRowcast(['serve'], { cwd: closed.path, env: { DATABASE_URL: undefined } })
  expect(lost.code).toBe(2)
  expect(lost.output).toContain('No database')
})

test('serve verifies JSON Web Tokens by what the environment says, with no config at all', async () => {
  await using database = await createTestDatabase()
  await using project = await temporaryFolder()
  const env = { DATABASE_URL: database.serverUrl, ROWCAST_JWT_SECRET: 'guess' }
  const weak = await runRowcast(['serve'], { cwd: project.path, env })
  expect(weak.code).toBe(2)
  expect(weak.output).toContain('ROWCAST_JWT_SECRET: the secret has 5 bytes')

  const secret = 'thirty-two bytes are the least that will do'
  await using rowcast = startRowcast(['serve', '--port', '0'], {
    cwd: project.path,
    env: { ...env, ROWCAST_JWT_SECRET: secret, ROWCAST_JWT_AUDIENCE: 'app' },
  })
  const [, url = ''] = await rowcast.until(/listening on (\S+)/)
  const outcome = async (aud: string) => {
    const token = await new SignJWT({ role: database.reader, aud })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(secret))
    await using socket = new TestSocket(url, { token })
    return await new Promise((resolve) => {
      socket.socket.once('connect', () => resolve('connected'))
      socket.socket.once('connect_error', (error) => resolve((error as { data?: unknown }).data))
    })
  }
  expect(await outcome('app')).toBe('connected')
  expect(await outcome('other')).toMatchObject({ code: 'unauthenticated' })
})

test.for(['rowcast.config.mjs', 'rowcast.config.ts'])(
  'serve answers health checks, files and sockets, and ends in good order: %s',
  async (name) => {
    await using database = await createTestDatabase()
    await using project = await temporaryFolder({
      [name]: config,
      'package.json': '{"type":"module"}',
      'dist/index.html': 'the page',
    })
    await using rowcast = startRowcast(
      ['serve', '--port', '0', '--static', 'dist', '--database', database.url],
      { cwd: project.path },
    )
    const [, url = ''] = await rowcast.until(/listening on (\S+)/)

    expect(await fetch(`${url}healthz`).then((answer) => answer.json())).toMatchObject({ status: 'ok' })
    expect(await fetch(`${url}some/page`).then((answer) => answer.text())).toBe('the page')
    const handshake = await fetch(`${url}rowcast/?EIO=4&transport=polling`)
    expect(await handshake.text()).toContain('"sid"')

    using elsewhere = await RawWebSocket.open(Number(new URL(url).port), '/elsewhere')
    expect(elsewhere.received).toBe('')
    expect(elsewhere.isOpen).toBe(false)

    rowcast.child.kill('SIGTERM')
    expect(await rowcast.exitCode()).toBe(0)
  },
)

test('serve tells its figures on a port of its own if asked to, and nowhere else', async () => {
  await using database = await createTestDatabase()
  await using project = await temporaryFolder({ 'rowcast.config.mjs': config })
  const args = ['serve', '--port', '0', '--metrics-port', '0', '--database', database.url]
  await using rowcast = startRowcast(args, { cwd: project.path })
  const [, metrics = ''] = await rowcast.until(/metrics on (\S+)/)
  const [, url = ''] = await rowcast.until(/listening on (\S+)/)

  const answer = await fetch(metrics)
  expect(answer.headers.get('content-type')).toContain('text/plain')
  expect(await answer.text()).toMatch(/^rowcast_connections 0$/m)
  expect((await fetch(`${url}metrics`)).status).toBe(404)
})

test('serve says so when its port is taken', async () => {
  await using database = await createTestDatabase()
  await using project = await temporaryFolder({ 'rowcast.config.mjs': config })
  const options = { cwd: project.path, env: { DATABASE_URL: database.url } }
  await using first = startRowcast(['serve', '--port', '0'], options)
  const [, port = ''] = await first.until(/listening on .*:(\d+)/)

  const second = await runRowcast(['serve', '--port', port], options)
  expect(second.code).toBe(1)
  expect(second.output).toContain('EADDRINUSE')
  expect(second.output).not.toMatch(/\n {4}at /)
})

const config = `export default { authenticate: () => ({ role: 'postgres', claims: {} }) }`
