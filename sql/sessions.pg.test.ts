import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sqlStates } from '../shared/errors.ts'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'

interface Entry {
  position: string
  seq: string
  transaction: string
  op: string
  kind: string
  relation: string
  id: string
  subscriptions: string[]
  data: unknown
}

let database: TestDatabase
let client: pg.Client
const connections: pg.Client[] = []
let session: string

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

// One database for all, since a clone takes longer than most of these tests.
beforeEach(async () => {
  client = await connect()
  await client.query(`
    drop schema public cascade;
    create schema public;
    grant usage on schema public to public;
    truncate event.session cascade;
    create table person (id integer primary key, name text, score integer);
    insert into person values (1, 'Ann', 10), (2, 'Bob', 20);
    select event.track('person')`)
  session = await createSession(client)
})
afterEach(() => Promise.all(connections.splice(0).map((connection) => connection.end())))

async function connect(): Promise<pg.Client> {
  const connection = await database.connect()
  connections.push(connection)
  return connection
}

async function createSession(client: pg.Client): Promise<string> {
  return (await client.query(`select event.session_create() as id`)).rows[0].id
}

/** Calls a function of schema `event` with the session and one more argument; gives what it returns. */
async function call(name: string, argument?: string, on = client, of = session): Promise<string> {
  const values = argument === undefined ? [of] : [of, argument]
  const { rows } = await on.query({
    text: `select event.${name}(${values.map((_, i) => `$${i + 1}`).join(', ')}) as result`,
    values,
  })
  return rows[0]?.result
}

async function inbox(on = client, of = session): Promise<Entry[]> {
  return (await on.query(`select * from event.inbox($1)`, [of])).rows
}

/** What happened, as short as can be compared. */
async function news(on = client, of = session): Promise<unknown[]> {
  return (await inbox(on, of)).map(brief)
}

function brief({ op, id, data }: Pick<Entry, 'op' | 'id' | 'data'>): unknown[] {
  return data === null || data === undefined ? [op, id] : [op, id, data]
}

function hasCode(code: keyof typeof sqlStates) {
  return expect.objectContaining({ code: sqlStates[code] })
}

/** Collects what a connection is notified of. Asking it anything makes it hand over what has arrived. */
function listen(on: pg.Client): { payloads: any[]; settled: () => Promise<any[]> } {
  const payloads: any[] = []
  on.on('notification', ({ payload }) => payloads.push(JSON.parse(payload ?? '')))
  return {
    payloads,
    async settled() {
      await on.query('select 1')
      return payloads
    },
  }
}

/** A role that may log in and do nothing yet, and a connection as that role. */
async function stranger(): Promise<{ role: string; connection: pg.Client }> {
  const role = await database.createRole('nologin')
  const connection = await connect()
  await connection.query(`set role ${role}`)
  return { role, connection }
}

describe('sessions', () => {
  test('E-11 session_create gives a new uuid each time', async () => {
    const other = await createSession(client)
    expect(other).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    expect(other).not.toBe(session)
  })

  test('E-12 E-13 a session outlives its connection and is used from several at once', async () => {
    const first = await connect()
    const of = await createSession(first)
    await call('subscribe_table', 'person', first, of)
    await first.end()
    const [second, third] = [await connect(), await connect()]
    await client.query(`insert into person values (3)`)
    expect(await news(second, of)).toHaveLength(1)
    expect(await news(third, of)).toHaveLength(1)
  })

  test('E-14 a role that the owner has granted a session may use it, and what it sees both may read', async () => {
    const [owner, guest] = [await stranger(), await stranger()]
    const of = await createSession(owner.connection)
    await client.query(`grant select on person to ${owner.role}`)
    await call('subscribe_table', 'person', owner.connection, of)
    await call('session_grant', guest.role, owner.connection, of)
    await client.query(`insert into person values (3)`)
    expect(await news(guest.connection, of)).toEqual([])
    await client.query(`grant select on person to ${guest.role}`)
    expect(await news(guest.connection, of)).toHaveLength(1)
    await expect(call('session_delete', undefined, guest.connection, of)).rejects.toEqual(
      hasCode('permission_denied'),
    )
    await expect(call('session_grant', guest.role, guest.connection, of)).rejects.toEqual(
      hasCode('permission_denied'),
    )
    await call('session_revoke', guest.role, owner.connection, of)
    await expect(news(guest.connection, of)).rejects.toEqual(hasCode('session_not_found'))
    await expect(call('session_grant', 'nobody at all', owner.connection, of)).rejects.toMatchObject({
      code: '42704',
    })
  })

  test("E-14 E-36 N13 N15 somebody else's session and none at all give the same error, whatever is asked", async () => {
    const { connection } = await stranger()
    const attempts: [string, string?][] = [
      ['session_attach'],
      ['session_detach'],
      ['session_delete'],
      ['session_grant', 'postgres'],
      ['session_revoke', 'postgres'],
      ['inbox'],
      ['ack', '1:1:'],
      ['subscribe_table', 'public.person'],
      ['subscribe_column', 'public.person.name'],
      ['subscribe_row', 'public.person.1'],
      ['subscribe_field', 'public.person.1.name'],
      ['unsubscribe', 'x'],
    ]
    const none = '00000000-0000-4000-8000-000000000000'
    for (const [name, argument] of attempts) {
      const errors = []
      for (const of of [session, none])
        errors.push(
          await call(name, argument, connection, of).then(
            () => undefined,
            (error) => [error.code, error.message.replace(of, '…'), error.hint],
          ),
        )
      expect(errors[0], name).toEqual([
        sqlStates.session_not_found,
        'there is no session …, or it is not yours',
        expect.anything(),
      ])
      expect(errors[1], name).toEqual(errors[0])
    }
  })

  test('E-15 N15 a session that a server made for a browser is not opened by its id, not even by the role it is for', async () => {
    const { role, connection } = await stranger()
    await client.query(`update event.session set owner = '${role}' where id = '${session}'`)
    expect(await news(connection)).toEqual([])
    await client.query(`update event.session set token_hash = '\\x00' where id = '${session}'`)
    await expect(news(connection)).rejects.toEqual(hasCode('session_not_found'))
    expect((await connection.query(`select * from event.session_subscription`)).rows).toEqual([])
    expect(await news(client)).toEqual([])
  })

  test('a role sees nothing of the tables behind', async () => {
    const { connection } = await stranger()
    for (const table of ['session', 'subscription', 'session_member', 'attachment', 'change'])
      await expect(connection.query(`select from event.${table}`)).rejects.toEqual(
        hasCode('permission_denied'),
      )
    for (const statement of [
      `event.notify_attached(1, 1, 2)`,
      `event.deliveries('{${session}}', null, null)`,
    ])
      await expect(connection.query(`select ${statement}`)).rejects.toEqual(hasCode('permission_denied'))
  })

  test('E-16 N13 attaching to what is no session is an error, also if it is no uuid', async () => {
    for (const of of ['nonsense', '', '00000000-0000-4000-8000-000000000000'])
      await expect(call('session_attach', undefined, client, of)).rejects.toEqual(
        hasCode('session_not_found'),
      )
  })

  test('an expired session is no session', async () => {
    await client.query(`update event.session set expires_at = now() - interval '1 s' where id = '${session}'`)
    await expect(news()).rejects.toEqual(hasCode('session_not_found'))
  })

  test('a session made in SQL has no expiry unless given, and each use moves it on', async () => {
    const expiry = async (of: string) => {
      const { rows } = await client.query(
        `select round(extract(epoch from expires_at - now()) / 3600)::int as hours from event.session_list where id = $1`,
        [of],
      )
      return rows[0]?.hours
    }
    expect(await expiry(session)).toBeNull()
    const { rows } = await client.query(`select event.session_create(interval '10 hours') as id`)
    const of: string = rows[0].id
    const age = () =>
      client.query(`update event.session set expires_at = expires_at - interval '4 hours' where id = $1`, [
        of,
      ])
    expect(await expiry(of)).toBe(10)
    await age()
    await call('subscribe_table', 'person', client, of)
    expect(await expiry(of)).toBe(6)
    await call('session_attach', undefined, client, of)
    expect(await expiry(of)).toBe(10)
    await age()
    await client.query(`insert into person values (3)`)
    await call('ack', (await inbox(client, of))[0]?.position, client, of)
    expect(await expiry(of)).toBe(10)
    for (const senseless of ['0', '-1 day'])
      await expect(
        client.query(`select event.session_create($1::interval)`, [senseless]),
      ).rejects.toMatchObject({
        code: '22023',
      })
  })

  test('expired sessions are forgotten, a few at a time and without waiting, also where no server runs', async () => {
    const other = await connect()
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.push(await createSession(client))
    await call('subscribe_table', 'person', client, ids[0])
    await client.query(`update event.session set expires_at = now() - interval '1 s' where id = any ($1)`, [
      ids,
    ])
    await other.query('begin')
    await other.query('select from event.session where id = $1 for update', [ids[2]])
    const forget = async () => (await client.query('select event.forget_expired_sessions(1) as n')).rows[0].n
    expect([await forget(), await forget(), await forget()]).toEqual(['1', '1', '0'])
    await other.query('rollback')
    const last = await createSession(client)
    const { rows } = await client.query('select id from event.session')
    expect(rows.map(({ id }) => id).sort()).toEqual([session, last].sort())
    expect((await client.query('select from event.subscription')).rows).toEqual([])
  })

  test('sessions are listed: one sees those that one may use, and the owner of Rowcast sees all', async () => {
    const [owner, guest] = [await stranger(), await stranger()]
    const of = await createSession(owner.connection)
    await client.query(`grant select on person to ${owner.role}`)
    await call('subscribe_table', 'person', owner.connection, of)
    const list = async (on: pg.Client) =>
      (
        await on.query(
          `select id, owner, subject, subscriptions::int, is_attached from event.session_list order by created_at`,
        )
      ).rows
    const mine = { id: of, owner: owner.role, subject: null, subscriptions: 1, is_attached: false }
    expect(await list(owner.connection)).toEqual([mine])
    expect(await list(guest.connection)).toEqual([])
    await call('session_grant', guest.role, owner.connection, of)
    expect(await list(guest.connection)).toEqual([mine])
    await call('session_attach', undefined, guest.connection, of)
    expect((await list(client)).map(({ id, is_attached }) => [id, is_attached])).toEqual([
      [session, false],
      [of, true],
    ])
    await client.query(`update event.session set expires_at = now() where id = $1`, [of])
    expect((await list(client)).map(({ id }) => id)).toEqual([session])
  })

  test('what is for servers only, nobody else may call', async () => {
    const { connection } = await stranger()
    for (const statement of [
      `event.create_sessions('[]', null)`,
      `event.attach_sessions('${session}', '[]', '[]', null)`,
      `event.renew_sessions('${session}', '{}', null)`,
      `event.leave_sessions('${session}', '{}')`,
      `event.touch_sessions('{}', null, null)`,
      `event.acknowledge_sessions('[]')`,
      `event.forget_expired_sessions()`,
      `event.forget_lost_servers()`,
    ])
      await expect(connection.query(`select ${statement}`), statement).rejects.toEqual(
        hasCode('permission_denied'),
      )
  })

  test('E-20 deleting a session removes its subscriptions, its inbox and its attachments; a second time is an error', async () => {
    await call('subscribe_table', 'person')
    await call('session_attach')
    const heard = listen(client)
    await call('session_delete')
    await client.query(`insert into person values (3)`)
    expect(await heard.settled()).toEqual([])
    for (const table of ['subscription', 'attachment', 'session'])
      expect((await client.query(`select from event.${table}`)).rows).toHaveLength(0)
    await expect(call('session_delete')).rejects.toEqual(hasCode('session_not_found'))
  })
})

describe('subscriptions', () => {
  beforeEach(() => client.query(`create table other (id integer primary key); select event.track('other')`))

  /** The same six changes for each kind of subscription. */
  async function changes(): Promise<void> {
    await client.query(`insert into person values (3, 'Cid', 30)`)
    await client.query(`update person set name = 'Anna', score = 11 where id = 1`)
    await client.query(`update person set score = 21 where id = 2`)
    await client.query(`delete from person where id = 1`)
    await client.query(`insert into person values (1, 'Amy', 1)`)
    await client.query(`insert into other values (1)`)
  }

  test('E-2 E-3 E-4 E-5 E-23 E-31 a table gives each row_insert, row_delete and field_update of it, and nothing else', async () => {
    expect(await call('subscribe_table', 'person')).toBe('table:public.person')
    await changes()
    expect(await news()).toEqual([
      ['row_insert', 'public.person.3', { id: 3, name: 'Cid', score: 30 }],
      ['field_update', 'public.person.1.name', 'Anna'],
      ['field_update', 'public.person.1.score', 11],
      ['field_update', 'public.person.2.score', 21],
      ['row_delete', 'public.person.1'],
      ['row_insert', 'public.person.1', { id: 1, name: 'Amy', score: 1 }],
    ])
  })

  test('E-24 E-31 a row gives its field_updates and its row_delete, and its row_insert when it comes back', async () => {
    expect(await call('subscribe_row', 'public.person.1')).toBe('row:public.person.1')
    await changes()
    expect(await news()).toEqual([
      ['field_update', 'public.person.1.name', 'Anna'],
      ['field_update', 'public.person.1.score', 11],
      ['row_delete', 'public.person.1'],
      ['row_insert', 'public.person.1', { id: 1, name: 'Amy', score: 1 }],
    ])
  })

  test('E-25 E-31 a field gives its field_updates and the row_delete of its row', async () => {
    expect(await call('subscribe_field', 'public.person.1.name')).toBe('field:public.person.1.name')
    await changes()
    expect(await news()).toEqual([
      ['field_update', 'public.person.1.name', 'Anna'],
      ['row_delete', 'public.person.1'],
      ['row_insert', 'public.person.1', { id: 1, name: 'Amy' }],
    ])
  })

  test('E-26 E-31 a column gives its field_updates, and row_inserts with the key and this column, and row_deletes', async () => {
    expect(await call('subscribe_column', 'public.person.name')).toBe('column:public.person.name')
    await changes()
    expect(await news()).toEqual([
      ['row_insert', 'public.person.3', { id: 3, name: 'Cid' }],
      ['field_update', 'public.person.1.name', 'Anna'],
      ['row_delete', 'public.person.1'],
      ['row_insert', 'public.person.1', { id: 1, name: 'Amy' }],
    ])
  })

  test('what is followed is named by identifier, by text or as a table, and has one id in all sessions', async () => {
    const { rows } = await client.query(
      `select event.subscribe_table($1, 'person'::regclass) as a, event.subscribe_table($1, meta.relation_id('public', 'person')) as b,
              event.subscribe_column($1, meta.column_id('public', 'person', 'name')) as c,
              event.subscribe_row($1, meta.row_id('public', 'person', 1)) as d,
              event.subscribe_field($1, meta.field_id('public', 'person', 1, 'name')) as e`,
      [session],
    )
    expect(rows[0]).toEqual({
      a: 'table:public.person',
      b: 'table:public.person',
      c: 'column:public.person.name',
      d: 'row:public.person.1',
      e: 'field:public.person.1.name',
    })
    expect(await call('subscribe_row', 'public.person."1"', client, await createSession(client))).toBe(
      'row:public.person.1',
    )
  })

  test('E-27 E-28 subscribing twice gives the same id and one subscription', async () => {
    expect(await call('subscribe_table', 'person')).toBe(await call('subscribe_table', 'public.person'))
    await client.query(`insert into person values (3)`)
    expect(await news()).toHaveLength(1)
    await call('subscribe_table', 'person') // does not begin anew
    expect(await news()).toHaveLength(1)
  })

  test("E-29 one view lists the caller's subscriptions with their kind", async () => {
    const { role, connection } = await stranger()
    await client.query(`grant select on person to ${role}`)
    const of = await createSession(connection)
    await call('subscribe_table', 'person')
    await call('subscribe_column', 'public.person.name', connection, of)
    await call('subscribe_row', 'public.person.1', connection, of)
    await call('subscribe_field', 'public.person.1.name', connection, of)
    const { rows } = await connection.query(
      `select id, kind, relation, key, column_name from event.session_subscription where session_id = $1 order by kind`,
      [of],
    )
    expect(rows).toEqual([
      {
        id: 'column:public.person.name',
        kind: 'column',
        relation: 'public.person',
        key: null,
        column_name: 'name',
      },
      {
        id: 'field:public.person.1.name',
        kind: 'field',
        relation: 'public.person',
        key: '[1]',
        column_name: 'name',
      },
      { id: 'row:public.person.1', kind: 'row', relation: 'public.person', key: '[1]', column_name: null },
    ])
    expect((await connection.query(`select from event.session_subscription`)).rows).toHaveLength(3)
  })

  test('E-30 after the last unsubscribe nothing is delivered, nor is what was waiting; an unknown id is an error', async () => {
    const id = await call('subscribe_table', 'person')
    await call('session_attach')
    const heard = listen(client)
    await client.query(`insert into person values (3)`)
    await call('unsubscribe', id)
    await client.query(`insert into person values (4)`)
    expect(await news()).toEqual([])
    expect(await heard.settled()).toHaveLength(1)
    await expect(call('unsubscribe', id)).rejects.toEqual(hasCode('subscription_not_found'))
  })

  test('E-32 a change that several subscriptions concern is delivered once, and names them', async () => {
    await call('subscribe_table', 'person')
    await call('subscribe_row', 'public.person.1')
    await call('subscribe_field', 'public.person.1.name')
    await call('session_attach')
    const heard = listen(client)
    await client.query(`update person set name = 'Anna' where id = 1`)
    const entries = await inbox()
    expect(entries).toMatchObject([
      {
        kind: 'table',
        id: 'public.person.1.name',
        subscriptions: ['field:public.person.1.name', 'row:public.person.1', 'table:public.person'],
      },
    ])
    expect(await heard.settled()).toHaveLength(1)
  })

  test('E-32 of an inserted row, two columns give both', async () => {
    await call('subscribe_column', 'public.person.name')
    await call('subscribe_field', 'public.person.3.score')
    await client.query(`insert into person values (3, 'Cid', 30), (4, 'Dan', 40)`)
    expect(await news()).toEqual(
      expect.arrayContaining([
        ['row_insert', 'public.person.3', { id: 3, name: 'Cid', score: 30 }],
        ['row_insert', 'public.person.4', { id: 4, name: 'Dan' }],
      ]),
    )
  })

  test('E-33 a relation that does not exist is 42P01', async () => {
    for (const [name, what] of [
      ['table', 'nope'],
      ['column', 'public.nope.id'],
      ['row', 'public.nope.1'],
      ['field', 'public.nope.1.id'],
    ])
      await expect(call(`subscribe_${name}`, what)).rejects.toEqual(hasCode('relation_not_found'))
  })

  test('E-34 a column that does not exist is 42703', async () => {
    await expect(call('subscribe_column', 'public.person.nope')).rejects.toEqual(hasCode('column_not_found'))
    await expect(call('subscribe_field', 'public.person.1.nope')).rejects.toEqual(hasCode('column_not_found'))
    await expect(call('subscribe_column', 'public.person.ctid')).rejects.toEqual(hasCode('column_not_found'))
  })

  test('E-35 a row that is not there may be followed; a notice says so, and it is delivered when it appears', async () => {
    const notices: (string | undefined)[] = []
    client.on('notice', (notice) => notices.push(notice.message))
    expect(await call('subscribe_row', 'public.person.1')).toBe('row:public.person.1')
    expect(notices).toEqual([])
    expect(await call('subscribe_row', 'public.person.99999')).toBe('row:public.person.99999')
    expect(notices).toEqual(['there is no row [99999] in public.person yet'])
    await client.query(`insert into person values (99999, 'Zoe')`)
    expect(await news()).toEqual([
      ['row_insert', 'public.person.99999', { id: 99999, name: 'Zoe', score: null }],
    ])
  })

  test('E-37 a view is not subscribable', async () => {
    await client.query(
      `create view pv as select * from person; create materialized view pm as select * from person`,
    )
    for (const view of ['pv', 'pm'])
      await expect(call('subscribe_table', view)).rejects.toEqual(hasCode('not_subscribable'))
  })

  test('E-38 no table of Rowcast itself can be followed', async () => {
    const { rows } = await client.query(
      `select c.oid::regclass::text as name from pg_class as c where c.relnamespace = 'event'::regnamespace and c.relkind = 'r'`,
    )
    expect(rows.length).toBeGreaterThan(4)
    for (const { name } of rows)
      await expect(call('subscribe_table', name), name).rejects.toEqual(hasCode('not_subscribable'))
  })

  test('E-39 N14 following needs the right to read: the relation, or the column and the key', async () => {
    const { role, connection } = await stranger()
    const of = await createSession(connection)
    const follow = (name: string, what: string) => call(`subscribe_${name}`, what, connection, of)
    for (const [name, what] of [
      ['table', 'person'],
      ['column', 'public.person.name'],
      ['row', 'public.person.1'],
      ['field', 'public.person.1.name'],
    ] as const)
      await expect(follow(name, what)).rejects.toEqual(hasCode('permission_denied'))
    await client.query(`grant select (name) on person to ${role}`)
    await expect(follow('column', 'public.person.name')).rejects.toEqual(hasCode('permission_denied'))
    await client.query(`grant select (id) on person to ${role}`)
    await follow('column', 'public.person.name')
    await follow('field', 'public.person.1.name')
    await expect(follow('column', 'public.person.score')).rejects.toEqual(hasCode('permission_denied'))
    await follow('row', 'public.person.1')
    await follow('table', 'person')
    await client.query(
      `grant select on person to ${role}; create schema hidden; create table hidden.t (id int primary key); select event.track('hidden.t'); grant select on hidden.t to ${role}`,
    )
    await expect(follow('table', 'hidden.t')).rejects.toMatchObject({ code: '42501' })
  })

  test('a column that the owner of the session may not select is in nothing that it is given', async () => {
    const { role, connection } = await stranger()
    const of = await createSession(connection)
    await client.query(`grant select (id, name) on person to ${role}`)
    await call('subscribe_table', 'person', connection, of)
    await call('session_attach', undefined, connection, of)
    const heard = listen(connection)
    await client.query(`insert into person values (3, 'Cid', 31415); update person set score = 31416 where id = 3;
      update person set score = 31417, name = 'Al' where id = 3; delete from person where id = 3`)
    const expected = [
      ['row_insert', 'public.person.3', { id: 3, name: 'Cid' }],
      ['field_update', 'public.person.3.name', 'Al'],
      ['row_delete', 'public.person.3'],
    ]
    expect(await news(connection, of)).toEqual(expected)
    expect((await heard.settled()).map(brief)).toEqual(expected)
    await client.query(`grant select (score) on person to ${role}`)
    expect((await news(connection, of)).at(0)).toEqual([
      'row_insert',
      'public.person.3',
      { id: 3, name: 'Cid', score: 31415 },
    ])
  })

  test('nor who uses the session of another, unless both may select it', async () => {
    const { role, connection } = await stranger()
    await call('subscribe_table', 'person')
    await client.query(`select event.session_grant('${session}', '${role}'); grant select (id, score) on person to ${role};
      insert into person values (3, 'Cid', 7)`)
    expect(await news()).toEqual([['row_insert', 'public.person.3', { id: 3, name: 'Cid', score: 7 }]])
    expect(await news(connection)).toEqual([['row_insert', 'public.person.3', { id: 3, score: 7 }]])
  })

  test('a column that is left out for everyone is there for nobody, also not in what was logged before', async () => {
    await call('subscribe_table', 'person')
    await client.query(
      `insert into person values (3, 'Cid', 31415); update person set score = 31416, name = 'Al' where id = 3`,
    )
    await client.query(
      `select event.track('person', array['score']); update person set score = 31417 where id = 3`,
    )
    expect(await news()).toEqual([
      ['row_insert', 'public.person.3', { id: 3, name: 'Cid' }],
      ['field_update', 'public.person.3.name', 'Al'],
    ])
    await expect(call('subscribe_column', 'public.person.score')).rejects.toEqual(hasCode('column_not_found'))
    await expect(call('subscribe_field', 'public.person.3.score')).rejects.toEqual(
      hasCode('column_not_found'),
    )
  })

  test('E-39 a right that is taken away ends delivery at once, in the inbox and live', async () => {
    const { role, connection } = await stranger()
    const of = await createSession(connection)
    await client.query(`grant select on person to ${role}`)
    await call('subscribe_table', 'person', connection, of)
    await call('session_attach', undefined, connection, of)
    const heard = listen(connection)
    await client.query(`insert into person values (3)`)
    await client.query(`revoke select on person from ${role}`)
    await client.query(`insert into person values (4)`)
    expect(await heard.settled()).toHaveLength(1)
    expect(await news(connection, of)).toEqual([])
    await client.query(`drop owned by ${role}`)
  })

  test('E-40 where row security decides what a role sees, it cannot follow in SQL, and what it follows falls silent', async () => {
    const { role, connection } = await stranger()
    const of = await createSession(connection)
    await client.query(`grant select on other, person to ${role}`)
    for (const on of [client, connection]) {
      await call('subscribe_table', 'other', on, on === client ? session : of)
      await call('session_attach', undefined, on, on === client ? session : of)
    }
    const [exempt, secured] = [listen(client), listen(connection)]
    await client.query(`
      alter table person enable row level security; alter table other enable row level security;
      create policy odd on other using (id % 2 = 1)`)
    for (const [name, what] of [
      ['table', 'person'],
      ['column', 'public.person.name'],
      ['row', 'public.person.1'],
      ['field', 'public.person.1.name'],
    ] as const)
      await expect(call(`subscribe_${name}`, what, connection, of)).rejects.toEqual(
        hasCode('row_security_unsupported'),
      )
    await client.query(`insert into other values (1), (2); delete from other where id = 2`)
    expect(await news(connection, of)).toEqual([])
    expect(await secured.settled()).toEqual([])

    // A superuser sees all rows, and so does the owner unless it is forced upon him.
    expect(await news()).toHaveLength(3)
    expect(await exempt.settled()).toHaveLength(3)
    await client.query(`alter table other owner to ${role}`)
    expect(await news(connection, of)).toHaveLength(3)
    await client.query(`alter table other force row level security`)
    expect(await news(connection, of)).toEqual([])
    await client.query(`drop owned by ${role} cascade`)
  })

  test('E-14 E-40 a session of somebody who sees more shows a role nothing that it may not see, live neither', async () => {
    const { role, connection } = await stranger()
    await client.query(`grant select on other to ${role}; alter table other enable row level security`)
    await call('session_grant', role)
    await call('subscribe_table', 'other')
    await call('session_attach', undefined, connection)
    const heard = listen(connection)
    await client.query(`insert into other values (1)`)
    expect(await news()).toHaveLength(1)
    expect(await news(connection)).toEqual([])
    expect(await heard.settled()).toEqual([
      { seq: expect.any(Number), transaction: expect.any(String), truncated: true },
    ])
    await expect(call('subscribe_table', 'other', connection)).rejects.toEqual(
      hasCode('row_security_unsupported'),
    )

    // Nor of a column that only the other may select.
    await client.query(`grant select (id, name) on person to ${role}`)
    await call('subscribe_table', 'person')
    await client.query(`update person set score = 77 where id = 1`)
    expect((await heard.settled()).at(-1)).toEqual({
      seq: expect.any(Number),
      transaction: expect.any(String),
      truncated: true,
    })
    await client.query(`drop owned by ${role}`)
  })

  test('a relation that is not tracked says how to track it', async () => {
    await client.query(`create table plain (id integer primary key)`)
    await expect(call('subscribe_table', 'plain')).rejects.toMatchObject({
      code: sqlStates.not_tracked,
      hint: expect.stringContaining(`select event.track('public.plain')`),
    })
  })

  test('N7 a relation without a primary key cannot be followed', async () => {
    await client.query(`create table keyless (id integer)`)
    await expect(call('subscribe_table', 'keyless')).rejects.toEqual(hasCode('no_primary_key'))
  })

  test('N8 N9 two rows in one session are both served, and so are two sessions on two rows', async () => {
    const other = await createSession(client)
    await call('subscribe_row', 'public.person.1')
    await call('subscribe_row', 'public.person.2')
    await call('subscribe_row', 'public.person.2', client, other)
    await client.query(`update person set score = 0`)
    expect(await news()).toEqual([
      ['field_update', 'public.person.1.score', 0],
      ['field_update', 'public.person.2.score', 0],
    ])
    expect(await news(client, other)).toEqual([['field_update', 'public.person.2.score', 0]])
  })

  test('N17 somebody who subscribes blocks no writer', async () => {
    const writer = await connect()
    await client.query('begin')
    await call('subscribe_table', 'person')
    await call('subscribe_row', 'public.person.1')
    await writer.query(
      `set lock_timeout = '1s'; update person set score = 5 where id = 1; begin; lock person in share row exclusive mode; commit`,
    )
    await client.query('commit')
    expect(await news()).toEqual([['field_update', 'public.person.1.score', 5]])
  })
})

describe('keys of all types', () => {
  test.each([
    [
      'N4 uuid',
      'uuid',
      `'0B0C1B3E-0000-4000-8000-000000000001'`,
      'public.thing."0B0C1B3E-0000-4000-8000-000000000001"',
      'public.thing."0b0c1b3e-0000-4000-8000-000000000001"',
    ],
    [
      'N5 text',
      'text',
      `'''; drop table person; --'`,
      `public.thing."'; drop table person; --"`,
      `public.thing."'; drop table person; --"`,
    ],
    ['text that looks like a number', 'text', `'1'`, 'public.thing."1"', 'public.thing."1"'],
    [
      'bigint',
      'bigint',
      '9007199254740993',
      'public.thing."9007199254740993"',
      'public.thing."9007199254740993"',
    ],
    ['bigint, given as a number', 'bigint', '3', 'public.thing.3', 'public.thing."3"'],
    ['numeric', 'numeric(10, 2)', '1.5', 'public.thing."1.5"', 'public.thing."1.50"'],
    ['float8', 'float8', '1.5', `public.thing.'1.5'`, `public.thing.'1.5'`],
    ['varchar', 'varchar(3)', `'abc'`, 'public.thing.abc', 'public.thing.abc'],
    ['char', 'char(5)', `'a'`, 'public.thing.a', 'public.thing."a    "'],
    [
      'timestamptz',
      'timestamptz',
      `'2026-01-02 03:04:05.000006+02'`,
      'public.thing."2026-01-02 03:04:05.000006+02"',
      'public.thing."2026-01-02T01:04:05.000006+00:00"',
    ],
    ['bytea', 'bytea', `'\\x00ff'`, 'public.thing."\\x00ff"', 'public.thing."\\x00ff"'],
    ['integer[]', 'integer[]', `'{1,2}'`, `public.thing.'[1,2]'`, `public.thing.'[1,2]'`],
    ['jsonb', 'jsonb', `'{"a": 1}'`, 'public.thing."{""a"":1}"', 'public.thing."{""a"": 1}"'],
    ['boolean', 'boolean', 'true', 'public.thing.true', 'public.thing.true'],
  ])('%s', async (_, type, literal, given, canonical) => {
    const notices: unknown[] = []
    client.on('notice', (notice) => notices.push(notice.message))
    await client.query(
      `set timezone = 'Asia/Tokyo'; create table thing (id ${type} primary key, "full Name" text); select event.track('thing')`,
    )
    await client.query(`insert into thing values (${literal})`)
    expect(await call('subscribe_row', given)).toBe(`row:${canonical}`)
    await call('subscribe_field', `${given}."full Name"`)
    expect(notices).toEqual([])
    await call('session_attach')
    const heard = listen(client)
    await client.query(`update thing set "full Name" = 'x'`)
    await client.query(`delete from thing`)
    await client.query(`insert into thing values (${literal})`)
    expect((await inbox()).map(({ op, id }) => [op, id])).toEqual([
      ['field_update', `${canonical}."full Name"`],
      ['row_delete', canonical],
      ['row_insert', canonical],
    ])
    expect((await heard.settled()).map(({ id }) => id)).toEqual([
      `${canonical}."full Name"`,
      canonical,
      canonical,
    ])
  })

  test('a composite key names all its columns, in its own order; one with too few values is refused', async () => {
    await client.query(
      `create table seat (number text, taken boolean, hall integer, primary key (hall, number)); select event.track('seat')`,
    )
    await client.query(`insert into seat values ('a', false, 3), ('b', false, 3)`)
    expect(await call('subscribe_row', 'public.seat.3.a')).toBe('row:public.seat.3.a')
    await client.query(`update seat set taken = true`)
    expect(await news()).toEqual([['field_update', 'public.seat.3.a.taken', true]])
    await expect(call('subscribe_row', 'public.seat.3')).rejects.toEqual(hasCode('invalid_identifier'))
  })

  test('a text that is too long for its key is another row', async () => {
    await client.query(
      `create table thing (id varchar(3) primary key); select event.track('thing'); insert into thing values ('abc')`,
    )
    expect(await call('subscribe_row', 'public.thing.abcd')).toBe('row:public.thing.abcd')
    await client.query(`delete from thing`)
    expect(await news()).toEqual([])
  })

  test('a very long key gives a short subscription id', async () => {
    await client.query(`create table thing (id text primary key, n integer); select event.track('thing')`)
    const id = 'x'.repeat(9000)
    await client.query(`insert into thing values ($1)`, [id])
    expect(await call('subscribe_row', `public.thing.${id}`)).toMatch(/^row#[0-9a-f]{64}$/)
    await call('session_attach')
    const heard = listen(client)
    await client.query(`update thing set n = 1`)
    expect(await news()).toEqual([['field_update', `public.thing.${id}.n`, 1]])
    expect(await heard.settled()).toEqual([
      {
        seq: expect.any(Number),
        transaction: expect.any(String),
        op: 'field_update',
        kind: 'row',
        truncated: true,
      },
    ])
  })
})

describe('the inbox', () => {
  beforeEach(() => call('subscribe_table', 'person'))

  test('E-17 E-18 what happens while nobody is attached is kept, and given on attach in the order of occurrence', async () => {
    await client.query(`insert into person values (3)`)
    await client.query(`update person set score = 1 where id = 3`)
    await client.query(`delete from person where id = 3`)
    const late = await connect()
    const { rows } = await late.query(`select * from event.session_attach($1)`, [session])
    expect(rows.map(({ op }) => op)).toEqual(['row_insert', 'field_update', 'row_delete'])
  })

  test('what happened before the subscription does not count', async () => {
    const of = await createSession(client)
    await client.query(`insert into person values (3)`)
    await call('subscribe_table', 'person', client, of)
    await client.query(`insert into person values (4)`)
    expect(await news(client, of)).toEqual([
      ['row_insert', 'public.person.4', { id: 4, name: null, score: null }],
    ])
  })

  test('what its own transaction changes counts, before and after subscribing, and only once it has committed', async () => {
    const of = await createSession(client)
    const others = await connect()
    await client.query(`begin; insert into person values (3)`)
    await others.query(`insert into person values (10)`)
    await call('subscribe_table', 'person', client, of)
    await others.query(`insert into person values (11)`)
    await client.query(`insert into person values (4)`)
    expect((await news(client, of)).map((entry) => (entry as string[])[1])).toEqual(['public.person.11'])
    await client.query(`commit`)
    expect((await news(client, of)).map((entry) => (entry as string[])[1])).toEqual([
      'public.person.11',
      'public.person.3',
      'public.person.4',
    ])
  })

  test('E-10 a transaction or a savepoint that is rolled back leaves nothing', async () => {
    await client.query(`begin; insert into person values (3); rollback`)
    await client.query(
      `begin; savepoint s; insert into person values (4); rollback to s; insert into person values (5); commit`,
    )
    expect((await inbox()).map(({ id }) => id)).toEqual(['public.person.5'])
  })

  test('a change that commits late is delivered, not skipped, also after what came later is acknowledged', async () => {
    const slow = await connect()
    await slow.query(`begin; insert into person values (3)`)
    await client.query(`insert into person values (4)`)
    const first = await inbox()
    expect(first.map(({ id }) => id)).toEqual(['public.person.4'])
    await call('ack', first[0]!.position)
    expect(await news()).toEqual([])
    await slow.query(`commit`)
    expect((await inbox()).map(({ id }) => id)).toEqual(['public.person.3'])
  })

  test('transactions come whole, in the order of the last change of each', async () => {
    const other = await connect()
    await other.query(`begin; insert into person values (3)`)
    await client.query(`insert into person values (4)`)
    await other.query(`insert into person values (5); commit`)
    expect((await inbox()).map(({ id }) => id)).toEqual([
      'public.person.4',
      'public.person.3',
      'public.person.5',
    ])
  })

  test('E-19 what is acknowledged never comes again, what is not comes again; twice is harmless', async () => {
    for (const id of [3, 4, 5]) await client.query(`insert into person values (${id})`)
    const [first, second, third] = await inbox()
    const ids = async () => (await inbox()).map(({ id }) => id)
    await call('ack', first!.position)
    expect(await ids()).toEqual(['public.person.4', 'public.person.5'])
    await call('ack', third!.position)
    expect(await ids()).toEqual([])
    await call('ack', second!.position)
    await call('ack', third!.position)
    expect(await ids()).toEqual([])
    await client.query(`insert into person values (6)`)
    expect(await ids()).toEqual(['public.person.6'])
  })

  test('E-19 acknowledging is cumulative in the order of the inbox, and whole transactions', async () => {
    const other = await connect()
    await other.query(`begin; insert into person values (3)`)
    await client.query(`insert into person values (4)`)
    await other.query(`insert into person values (5); commit`)
    const [four, three, five] = await inbox()
    expect(three!.position).toBe(five!.position)
    await call('ack', four!.position)
    expect((await inbox()).map(({ id }) => id)).toEqual(['public.person.3', 'public.person.5'])
    await call('ack', three!.position)
    expect(await inbox()).toEqual([])
  })

  test.each([
    '',
    'nonsense',
    '1:1:',
    'x/1:1:',
    'EPOCH/2:1:',
    'EPOCH/1:9223372036854775807:',
    'OTHER/1:1:',
    `EPOCH/1:1:/x`,
    `EPOCH/99999999999999999999:1:`,
  ])('E-19 %s is refused as a position', async (template) => {
    const epoch = (await client.query(`select event.epoch() as epoch`)).rows[0].epoch
    const position = template.replace('EPOCH', epoch).replace('OTHER', `${epoch}0`)
    await expect(call('ack', position)).rejects.toEqual(hasCode('invalid_position'))
  })

  test("a server's position, without a place in a batch, is acknowledged as well", async () => {
    await client.query(`insert into person values (3)`)
    await call('ack', (await inbox())[0]!.position.replace(/\/\d+$/, ''))
    expect(await inbox()).toEqual([])
  })

  test('in another cluster the session begins anew and says so', async () => {
    await client.query(`insert into person values (3)`)
    await client.query(`update event.session set epoch = '1-restored'`)
    const warnings: unknown[] = []
    client.on('notice', (notice) => warnings.push([notice.severity, notice.message]))
    expect(await inbox()).toEqual([])
    expect(warnings).toEqual([['WARNING', expect.stringContaining('begins anew')]])
    await client.query(`insert into person values (4)`)
    expect((await inbox()).map(({ id }) => id)).toEqual(['public.person.4'])
  })

  test('N10 a changed key is a row_delete of the old and a row_insert of the new', async () => {
    await client.query(`update person set id = 7 where id = 1`)
    expect((await inbox()).map(({ op, id }) => [op, id]).sort()).toEqual([
      ['row_delete', 'public.person.1'],
      ['row_insert', 'public.person.7'],
    ])
  })

  test('N11 truncate gives a row_delete for each row', async () => {
    await client.query(`truncate person`)
    expect((await inbox()).map(({ op, id }) => [op, id]).sort()).toEqual([
      ['row_delete', 'public.person.1'],
      ['row_delete', 'public.person.2'],
    ])
  })
})

describe('live', () => {
  let writer: pg.Client
  beforeEach(async () => {
    writer = await connect()
    await call('subscribe_table', 'person')
    await call('session_attach')
  })

  test("E-41 E-42 E-43 changes arrive after commit, on the session's channel, with operation, kind, id and data", async () => {
    const heard = listen(client)
    const channels: string[] = []
    client.on('notification', ({ channel }) => channels.push(channel))
    await writer.query(
      `begin; insert into person values (3, 'Cid', 30); update person set name = null where id = 1`,
    )
    expect(await heard.settled()).toEqual([])
    await writer.query(`delete from person where id = 2; commit`)
    const transaction = expect.stringMatching(/^\d+$/)
    const common = {
      seq: expect.any(Number),
      transaction,
      kind: 'table',
      subscriptions: ['table:public.person'],
    }
    expect(await heard.settled()).toEqual([
      { ...common, op: 'row_insert', id: 'public.person.3', data: { id: 3, name: 'Cid', score: 30 } },
      { ...common, op: 'field_update', id: 'public.person.1.name', data: null },
      { ...common, op: 'row_delete', id: 'public.person.2' },
    ])
    expect(new Set(channels)).toEqual(new Set([session]))
    expect(heard.payloads.map(brief)).toEqual((await inbox()).map(brief))
  })

  test('E-10 E-41 what is rolled back is not announced', async () => {
    const heard = listen(client)
    await writer.query(`begin; insert into person values (3); rollback`)
    expect(await heard.settled()).toEqual([])
  })

  test('E-21 after detach nothing arrives live, and the inbox goes on', async () => {
    const heard = listen(client)
    await call('session_detach')
    await writer.query(`insert into person values (3)`)
    expect(await heard.settled()).toEqual([])
    expect(await news()).toHaveLength(1)
    await call('session_detach')
    expect((await client.query(`select * from event.session_attach($1)`, [session])).rows).toHaveLength(1)
  })

  test("E-22 two attached connections get each change once, and the second's attaching replays nothing to the first", async () => {
    const [second, heard] = [await connect(), listen(client)]
    await writer.query(`insert into person values (3)`)
    expect(await heard.settled()).toHaveLength(1)
    const heardToo = listen(second)
    expect((await second.query(`select * from event.session_attach($1)`, [session])).rows).toHaveLength(1)
    await writer.query(`insert into person values (4)`)
    expect((await heard.settled()).map(({ id }) => id)).toEqual(['public.person.3', 'public.person.4'])
    expect((await heardToo.settled()).map(({ id }) => id)).toEqual(['public.person.4'])
  })

  test('E-22 attaching twice on one connection is attaching once', async () => {
    await call('session_attach')
    const heard = listen(client)
    await writer.query(`insert into person values (3)`)
    expect(await heard.settled()).toHaveLength(1)
  })

  test('N1 a field that is set 2, 1, 2 in one transaction ends at 2', async () => {
    const heard = listen(client)
    await writer.query(`begin`)
    for (const score of [2, 1, 2]) await writer.query(`update person set score = $1 where id = 1`, [score])
    await writer.query(`commit`)
    expect((await heard.settled()).map(({ data }) => data)).toEqual([2, 1, 2])
  })

  test.each([100, 7_000, 7_700, 7_999, 8_000, 100_000])(
    'N2 a value of %i bytes breaks no writer; if NOTIFY cannot carry it, the message says to read the inbox',
    async (length) => {
      const heard = listen(client)
      const name = 'ü'.repeat(length / 2)
      await writer.query(`update person set name = $1 where id = 1`, [name])
      const [payload] = await heard.settled()
      if (length <= 7_700) expect(payload).toMatchObject({ data: name })
      else expect(payload).toMatchObject({ id: 'public.person.1.name', truncated: true })
      expect(payload).not.toHaveProperty(length <= 7_700 ? 'truncated' : 'data')
      expect(await inbox()).toMatchObject([{ data: name }])
    },
  )

  test('a bulk write is announced by one message that says to read the inbox', async () => {
    const heard = listen(client)
    await writer.query(`insert into person select n from generate_series(3, 3002) as n`)
    expect(await heard.settled()).toEqual([
      { seq: expect.any(Number), transaction: expect.any(String), truncated: true },
    ])
    expect(await inbox()).toHaveLength(3000)
  })

  test('a connection that is killed breaks no writer, and is forgotten when the next one comes', async () => {
    const killed = await connect()
    await killed.query(`select event.session_attach($1)`, [session])
    const { rows } = await killed.query(`select pg_backend_pid() as pid`)
    await client.query(`select pg_terminate_backend($1, 5000)`, [rows[0].pid])
    await writer.query(`insert into person values (3)`)
    expect((await client.query(`select pid from event.attachment`)).rows).toHaveLength(2)
    const next = await connect()
    expect((await next.query(`select * from event.session_attach($1)`, [session])).rows).toHaveLength(1)
    expect((await client.query(`select pid from event.attachment`)).rows.map(({ pid }) => pid)).not.toContain(
      rows[0].pid,
    )
    expect((await client.query(`select pid from event.attachment`)).rows).toHaveLength(2)
  })

  test('a session whose owner is gone breaks no writer', async () => {
    await client.query(`update event.session set owner = 'gone'`)
    const heard = listen(client)
    await writer.query(`insert into person values (3)`)
    expect(await heard.settled()).toEqual([])
  })

  test('a session whose subscription has become senseless breaks no writer', async () => {
    await call('subscribe_column', 'public.person.score')
    await writer.query(`alter table person drop column score`)
    await writer.query(`insert into person values (3)`)
    expect((await inbox()).map(({ id }) => id)).toEqual(['public.person.3'])
    await writer.query(`drop table person`)
    expect(await inbox()).toEqual([])
  })

  test('E-44 E-46 whatever a table holds, it can be published and subscribed to', async () => {
    await client.query(
      `create table topic (name text primary key, message json); insert into topic values ('news'); select event.track('topic')`,
    )
    await call('subscribe_field', 'public.topic.news.message')
    const heard = listen(client)
    await writer.query(
      `update topic set message = '{"b":[1.50, 12345678901234567890],"a":null}' where name = 'news'`,
    )
    const { rows } = await client.query(`select data::text from event.inbox($1)`, [session])
    expect(rows).toEqual([{ data: '{"b":[1.50, 12345678901234567890],"a":null}' }])
    expect(await heard.settled()).toMatchObject([{ id: 'public.topic.news.message', kind: 'field' }])
  })
})
