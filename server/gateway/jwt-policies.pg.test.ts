import { SignJWT } from 'jose'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Row } from '../../shared/change.ts'
import type { Attached, Lasting } from '../../shared/protocol.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { startRowcast, type RowcastServer } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'
import { verifyJwt } from './verify-jwt.ts'

const secret = 'thirty-two bytes are the least that will do'
const [ann, bob] = ['3f0c1c6e-0000-4000-8000-00000000000a', '3f0c1c6e-0000-4000-8000-00000000000b']
let database: TestDatabase
let server: RowcastServer
let sql: pg.Client
let authenticated: string
let anon: string

beforeAll(async () => {
  database = await createTestDatabase()
  sql = await database.connect()
  authenticated = await database.createRole('nologin')
  anon = await database.createRole('nologin')
  // As the layers that people know define them, and as their documentation writes policies.
  await sql.query(`
    create schema auth;
    create function auth.uid() returns uuid language sql stable as $$
      select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
      )::uuid
    $$;
    create function auth.role() returns text language sql stable as $$
      select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
      )::text
    $$;
    create function auth.jwt() returns jsonb language sql stable as $$
      select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
      )::jsonb
    $$;
    grant usage on schema auth to ${authenticated}, ${anon};

    create table profile (id uuid primary key, name text not null, is_public boolean not null default false);
    create table todo (id int primary key, user_id uuid not null, task text not null);
    create table document (id int primary key, team text not null);
    create table secret (id int primary key, owner text not null);
    alter table profile enable row level security;
    alter table todo enable row level security;
    alter table document enable row level security;
    alter table secret enable row level security;
    create policy "Public profiles are viewable by everyone." on profile for select using (is_public);
    create policy "Users see their own profile." on profile for select to ${authenticated} using ((select auth.uid()) = id);
    create policy "Individuals can view their own todos." on todo for select using (auth.uid() = user_id);
    create policy "Team members can see." on document for select to ${authenticated}
      using (team in (select jsonb_array_elements_text(auth.jwt() -> 'app_metadata' -> 'teams')));
    create policy own on secret
      using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub' and auth.role() <> '${anon}');
    grant select on profile, todo, document, secret to ${authenticated}, ${anon};
    select event.track('profile'), event.track('todo'), event.track('document'), event.track('secret');

    insert into profile values ('${ann}', 'ann', false), ('${bob}', 'bob', true);
    insert into todo values (1, '${ann}', 'buy milk'), (2, '${bob}', 'sleep');
    insert into document values (1, 'red'), (2, 'blue'), (3, 'green');
    insert into secret values (1, '${ann}'), (2, '${bob}')`)
  server = await startRowcast(database, { authenticate: verifyJwt({ secret, anonymousRole: anon }) })
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

function tokenOf(sub: string, teams: readonly string[] = [], lifeMs = 600_000): Promise<string> {
  const exp = (Date.now() + lifeMs) / 1000
  const claims = { sub, role: authenticated, aud: 'authenticated', exp, app_metadata: { teams } }
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret))
}

/** What a client has been given of a table, message by message. */
class Shown {
  readonly socket: TestSocket
  readonly rows = new Map<string, Row>()
  #taken = 0
  #fresh: (readonly [string, Row])[] = []

  constructor(socket: TestSocket) {
    this.socket = socket
  }

  /** The keys, after everything that has come so far. */
  get keys(): string[] {
    for (const { event, message } of this.socket.messages.slice(this.#taken)) {
      if (event === 'snapshot' && message.subscription.startsWith('table:')) {
        this.#fresh.push(...message.rows)
        if (!message.done) continue
        this.rows.clear()
        for (const [key, row] of this.#fresh.splice(0)) this.rows.set(key, row)
      } else if (event === 'batch')
        for (const change of message.transactions.flatMap(({ changes }) => changes))
          if (change.op === 'row_insert') this.rows.set(change.key, change.row)
          else if (change.op === 'row_delete') this.rows.delete(change.key)
    }
    this.#taken = this.socket.messages.length
    return [...this.rows.keys()].toSorted()
  }
}

async function follow(relation: string, token?: string, session?: Attached['session']): Promise<Shown> {
  const socket = new TestSocket(server.url, token === undefined ? {} : { token })
  const subscriptions = [{ subscription: { kind: 'table' as const, relation } }]
  const reply = await socket.attach({ subscriptions, ...(session && { session }) })
  expect(reply).toMatchObject({ ok: true, value: { subscriptions: [{ ok: true }] } })
  await socket.next('progress')
  return new Shown(socket)
}

test('policies written for other layers on PostgreSQL mean what they mean there', async () => {
  const seen = async (relation: string, token?: string) => {
    const shown = await follow(relation, token)
    await using _ = shown.socket
    return shown.keys
  }
  const [annsToken, bobsToken] = [await tokenOf(ann, ['red', 'blue']), await tokenOf(bob)]
  expect(await seen('profile', annsToken)).toEqual([`["${ann}"]`, `["${bob}"]`])
  expect(await seen('profile', bobsToken)).toEqual([`["${bob}"]`])
  expect(await seen('profile')).toEqual([`["${bob}"]`])
  expect(await seen('todo', annsToken)).toEqual(['[1]'])
  expect(await seen('todo', bobsToken)).toEqual(['[2]'])
  expect(await seen('todo')).toEqual([])
  expect(await seen('document', annsToken)).toEqual(['[1]', '[2]'])
  expect(await seen('document', bobsToken)).toEqual([])
  expect(await seen('document')).toEqual([])
  expect(await seen('secret', bobsToken)).toEqual(['[2]'])
  expect(await seen('secret')).toEqual([])
})

test('claims that change by renewal change what is on the page, as one, and what comes from then on', async () => {
  const shown = await follow('document', await tokenOf(ann, ['red']))
  await using socket = shown.socket
  await socket.subscribe({ kind: 'column', relation: 'document', column: 'team' })
  await socket.next('snapshot', ({ subscription, done }) => done && subscription.startsWith('column:'))
  await socket.next('progress')
  expect(shown.keys).toEqual(['[1]'])
  const renew = async (teams: readonly string[]) => {
    const token = await tokenOf(ann, teams)
    const seen = socket.messages.length
    expect(await socket.request<Lasting>('authenticate', { auth: { token } })).toMatchObject({ ok: true })
    await socket.next('progress', () => true, seen)
    const messages = socket.messages.slice(seen).filter((m) => m.event !== 'snapshot' || m.message.done)
    expect(messages.map(({ event }) => event)).toEqual(['catch_up', 'snapshot', 'snapshot', 'progress'])
  }
  await renew(['red', 'blue'])
  expect(shown.keys).toEqual(['[1]', '[2]'])
  await renew(['green'])
  expect(shown.keys).toEqual(['[3]'])
  const seen = socket.messages.length
  await sql.query(`insert into document values (11, 'red'), (12, 'blue'), (13, 'green')`)
  await socket.next('batch', () => true, seen)
  expect(shown.keys).toEqual(['[13]', '[3]'])
  expect(JSON.stringify(socket.messages.slice(seen))).not.toMatch(/red|blue/)
  await sql.query('delete from document where id > 10')
})

test('from the answer on, nothing comes that the new claims do not see, whatever is written and subscribed meanwhile', async () => {
  const writer = await database.connect()
  let isWriting = true
  const writing = (async () => {
    for (let id = 100; isWriting; id++)
      await writer.query(`insert into document values ($1, $2)`, [id, ['red', 'blue'][id % 2]])
  })()
  const shown = await follow('document', await tokenOf(ann, ['red']))
  await using socket = shown.socket
  const leaked: unknown[] = []
  for (let round = 0; round < 10; round++) {
    const [team, other] = round % 2 === 0 ? ['blue', 'red'] : ['red', 'blue']
    const asked = socket.request('subscribe', {
      subscription: { kind: 'table', relation: 'document', where: { column: 'id', op: 'gt', value: round } },
    })
    const token = await tokenOf(ann, [team as string])
    expect(await socket.request('authenticate', { auth: { token } })).toMatchObject({ ok: true })
    const seen = socket.messages.length
    expect(await asked).toMatchObject({ ok: true })
    await socket.next('progress', () => true, seen)
    await socket.next(
      'snapshot',
      ({ subscription, done }) => done && subscription !== 'table:public.document',
      seen,
    )
    const messages = socket.messages.slice(seen)
    leaked.push(...messages.filter((each) => JSON.stringify(each).includes(`"team":"${other}"`)))
  }
  isWriting = false
  await writing
  expect(leaked).toEqual([])
  const { rows } = await sql.query(`select format('[%s]', id) as key from document where team = 'red'`)
  await vi.waitFor(() => expect(shown.keys).toEqual(rows.map(({ key }) => key).toSorted()), 20_000)
  await sql.query('delete from document where id >= 100')
})

test('of two connections of one session, one that renews its token is told no more of the other’s', async () => {
  const token = await tokenOf(ann, ['red'])
  const subscriptions = [{ subscription: { kind: 'table' as const, relation: 'document' } }]
  await using first = new TestSocket(server.url, { token })
  const attached = await first.attach({ subscriptions })
  if (!attached.ok) throw new Error(attached.message)
  await using second = new TestSocket(server.url, { token })
  await second.attach({ session: attached.value.session, subscriptions })
  for (const socket of [first, second]) await socket.next('progress')

  const auth = { token: await tokenOf(ann, ['red']) } // it ends later: nothing that is followed now depends on that
  expect(await first.request('authenticate', { auth })).toMatchObject({ ok: true })
  await first.subscribe({ kind: 'column', relation: 'document', column: 'team' })
  await first.next('snapshot', ({ subscription, done }) => done && subscription.startsWith('column:'))
  const seen = second.messages.length
  await sql.query(`insert into document values (21, 'red'), (22, 'blue')`)
  for (const socket of [first, second])
    await socket.until((changes) => changes.some(({ key }) => key === '[21]'))
  const batches = second.messages.slice(seen).flatMap((m) => (m.event === 'batch' ? [m.message] : []))
  expect(batches.map(({ subscriptions: ids }) => ids)).toEqual([['table:public.document']])
  await sql.query('delete from document where id > 20')
})

test('a token that only lasts longer reads again only what depends on how long it lasts', async () => {
  await sql.query(`
    create table fading (id int primary key, until float8 not null);
    alter table fading enable row level security;
    create policy lasting on fading
      using (until >= (current_setting('request.jwt.claims', true)::json ->> 'exp')::float8);
    grant select on fading to ${authenticated};
    insert into fading values (1, extract(epoch from now()) + 700), (2, extract(epoch from now()) + 70000);
    select event.track('fading')`)
  const renew = async (socket: TestSocket) => {
    const auth = { token: await tokenOf(ann, ['red'], 7_000_000) }
    expect(await socket.request('authenticate', { auth })).toMatchObject({ ok: true })
  }
  const fading = await follow('fading', await tokenOf(ann, ['red']))
  await using _ = fading.socket
  expect(fading.keys).toEqual(['[1]', '[2]'])
  const begun = fading.socket.messages.length
  await renew(fading.socket)
  await fading.socket.next('progress', () => true, begun)
  expect(fading.keys).toEqual(['[2]'])

  const todos = await follow('todo', await tokenOf(ann))
  await using socket = todos.socket
  const seen = socket.messages.length
  await renew(socket)
  await sql.query(`insert into todo values (31, '${ann}', 'sleep')`)
  await socket.until((changes) => changes.some(({ key }) => key === '[31]'))
  expect(socket.messages.slice(seen).some(({ event }) => event === 'snapshot')).toBe(false)
  await sql.query('delete from todo where id > 30')
})
