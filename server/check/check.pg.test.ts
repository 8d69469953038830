import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { urlOfUser } from '../../test/server.ts'
import { release } from '../release.ts'
import { check } from './check.ts'
import type { Finding } from './finding.ts'

let database: TestDatabase
let owner: pg.Client
let server: pg.Client
let [role, user, other] = ['', '', '']

beforeAll(async () => {
  database = await createTestDatabase()
  owner = await database.connect()
  role = await database.createRole(`login noinherit password 'secret'`)
  user = await database.createRole('nologin')
  other = await database.createRole('nologin')
  server = new pg.Client(urlOfUser(database.url, role, 'secret'))
  await server.connect()
})
afterAll(async () => {
  await server.end()
  await database[Symbol.asyncDispose]()
})

/** What is not in order, as `state text`. */
async function problems(roles: readonly string[] = [user]): Promise<string[]> {
  return (await check(server, roles)).flatMap(({ state, text }) =>
    state === 'ok' ? [] : [`${state} ${text}`],
  )
}

/** Runs what a finding says, as an owner would. */
async function putRight({ remedy }: Finding): Promise<void> {
  for (const sql of remedy) await owner.query(sql)
}

test('each step that is missing is said, with the SQL that makes up for it', async () => {
  expect(await check(server, [user])).toContainEqual({
    topic: 'schemas',
    state: 'missing',
    text: `${role} may not run servers`,
    remedy: [expect.stringContaining(`rowcast migrate --server-role ${role}`)],
  })
  await owner.query('select event.grant_server($1)', [role])
  const found = (await check(server, [user])).find(({ state }) => state === 'missing')
  expect(found).toMatchObject({ topic: 'roles', text: `the server may not act as ${user}` })
  if (found) await putRight(found)
  await owner.query(
    `create table item (id int primary key, name text); select event.track('item'); grant select on item to ${user}`,
  )
  expect(await problems()).toEqual([])
  expect((await check(server, [user])).map(({ text }) => text)).toEqual(
    expect.arrayContaining([`the server may act as ${user}`, 'public.item is captured; its key is (id)']),
  )
})

test('a grant that is missing is named', async () => {
  await owner.query(
    `revoke execute on function event.bell_take() from ${role}; revoke update on event.session from ${role}`,
  )
  expect(await problems()).toEqual([
    `missing ${role} lacks update on table event.session, execute on function event.bell_take()`,
  ])
  await owner.query('select event.grant_server($1)', [role])
  expect(await problems()).toEqual([])
})

test('schemas of another release are told apart', async () => {
  await owner.query(`update event.installation set digest = digest || '!'`)
  expect(await problems()).toEqual([expect.stringMatching(/^missing not of this release/)])
  await owner.query(`update event.installation set release = '999.0.0'`)
  expect(await problems()).toEqual([expect.stringMatching(/^hint of release 999\.0\.0, which is newer/)])
  await owner.query(
    `update event.installation set digest = trim(trailing '!' from digest), release = '${release}'`,
  )
})

test('a role that does not exist, and those that grants and policies name, are looked for', async () => {
  await owner.query(`grant select (name) on item to ${other}`)
  expect(await problems([user, 'nobody_at_all'])).toEqual([
    'missing there is no role nobody_at_all',
    `hint the server may not act as ${other}, which policies or grants of tracked tables name; if authenticate() gives it:`,
  ])
  await owner.query(`grant ${other} to ${role}`)
  expect(await problems()).toEqual([])
  await owner.query(`revoke ${other} from ${role}; revoke select (name) on item from ${other}`)
})

test('capture that is out of order is found', async () => {
  await owner.query('alter table item disable trigger rowcast_update')
  const found = await check(server, [user])
  const broken = found.find(({ state }) => state === 'missing')
  expect(broken?.text).toBe('public.item is not captured: triggers are missing or disabled')
  if (broken) await putRight(broken)
  expect(await problems()).toEqual([])

  await owner.query('alter table item add column note text')
  expect(await problems()).toEqual([
    'hint public.item has been altered, and is captured more slowly until capture is made anew',
  ])
  await owner.query('select event.refresh_capture()')
  await owner.query('alter table item drop constraint item_pkey')
  expect(await problems()).toContain('missing public.item has no primary key any more')
  await owner.query('alter table item add primary key (id)')
  await owner.query('select event.refresh_capture()')
  expect(await problems()).toEqual([])
})

test('policies that read what is not tracked are told, and how the server can ask for all clients at once', async () => {
  await owner.query(`
    create table member (item_id int, who text, primary key (item_id, who));
    grant select on member to ${user};
    alter table item enable row level security;
    create policy of_members on item for select using (
      exists (select from member as m where m.item_id = id and m.who = current_setting('request.jwt.claims', true)::json ->> 'sub'))`)
  const found = await check(server, [user])
  const unobserved = found.find(({ text }) => text.includes('no change log tells'))
  expect(unobserved?.text).toContain('public.member')
  expect(unobserved?.remedy).toEqual([expect.stringContaining("select event.track('public.member')")])
  if (unobserved) await putRight(unobserved)

  const slow = (await check(server, [user])).filter(({ state }) => state !== 'ok')
  expect(slow.map(({ text }) => text)).toEqual([
    expect.stringContaining('who sees a row of public.item is asked for one client after the other'),
  ])
  for (const finding of slow) await putRight(finding)
  expect(await problems()).toEqual([])
  expect((await check(server, [user])).map(({ text }) => text)).toContain(
    'who sees a row of public.item is asked for all clients at once',
  )
})

test('policies that nobody, or not everybody, is under are told', async () => {
  await owner.query('drop policy of_members on item')
  expect(await problems()).toContainEqual(
    expect.stringMatching(/no policy to select by: nobody sees its rows$/),
  )
  await owner.query(`create policy all_of_it on item using (true); alter table item owner to ${user}`)
  expect(await problems()).toEqual([
    `hint policies of public.item do not apply to ${user}, who may act as its owner`,
  ])
  await owner.query('alter table item force row level security')
  expect(await problems()).toEqual([])
})

test('columns named like secrets are told, if somebody may read them', async () => {
  await owner.query(
    `create table account (id int primary key, password_hash text, stoken text, name text); select event.track('account')`,
  )
  expect(await problems()).toEqual([])
  await owner.query(`grant select (id, name, password_hash) on account to ${user}`)
  expect(await problems()).toEqual([
    `hint public.account has columns named like secrets: password_hash, which ${user} may read`,
  ])
  for (const finding of await check(server, [user])) if (finding.state === 'hint') await putRight(finding)
  expect(await problems()).toEqual([])
})

test('to leave out what is named like a secret, as it is said, keeps all else left out that was', async () => {
  await owner.query(`
    create table vault ("it's token" text, "{secret}, or ""so""" text, "back\\slash_salt" text, plain text, id int, pin int, primary key (id, pin));
    grant select on vault to ${user}, ${other}; grant ${other} to ${role};
    select event.track('vault', "except" => array['plain'])`)
  const [key, secrets, ...rest] = (await check(server, [user])).filter(({ state }) => state === 'hint')
  expect(rest).toEqual([])
  expect(key).toMatchObject({
    text: expect.stringMatching(/^public\.vault has a key named like a secret.*: pin, which /),
    remedy: [],
  })
  expect(secrets?.text.match(/which \S+, \S+ may read/g)).toHaveLength(3)
  expect(secrets?.remedy).toHaveLength(1)
  if (secrets) await putRight(secrets)
  const { rows } = await owner.query(`select event.excepted_columns('vault') as names`)
  expect(rows[0].names.sort()).toEqual(
    ['plain', `it's token`, '{secret}, or "so"', 'back\\slash_salt'].sort(),
  )
  expect(await problems()).toEqual([
    expect.stringMatching(/^hint public\.vault has a key named like a secret/),
  ])
  await owner.query(`drop table vault; revoke ${other} from ${role}; select event.refresh_capture()`)
})

test('settings that would be in the way are told', async () => {
  await server.query(
    `set statement_timeout = '5s'; set idle_session_timeout = '3s'; set row_security = off; set default_transaction_read_only = on`,
  )
  expect(await problems()).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^missing the database is read-only/),
      expect.stringMatching(/^hint statement_timeout is 5s/),
      expect.stringMatching(/^hint idle_session_timeout is 3s/),
      expect.stringMatching(/^missing row_security is off/),
    ]),
  )
  await server.query('reset all')
  await owner.query(`alter role ${role} connection limit 10`)
  expect(await problems()).toContainEqual(
    expect.stringMatching(/^missing a server takes up to 24 connections, .* 10$/),
  )
  await owner.query(`alter role ${role} connection limit -1`)
})

test('a superuser is told that it need not be one', async () => {
  const found = await check(owner, [user])
  expect(found.filter(({ state }) => state === 'missing')).toEqual([])
  expect(found.map(({ text }) => text)).toContainEqual(expect.stringContaining('which a server need not be'))
})
