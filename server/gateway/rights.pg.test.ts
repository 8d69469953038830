import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startOnNewDatabase, untilRightsAreOld } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'

const tableA = { kind: 'table', relation: 'a' } as const

test('what is written after a right has been taken away is not told by that right, however much it is', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, text text); select event.track('a')`,
    {
      readAtOnce: { maxRows: 10, maxBytes: 1_000_000 },
    },
  )
  const role = await at.database.createRole('nologin')
  await at.admin.query(`grant select on a to ${role}`)
  await using socket = new TestSocket(at.server.url, { role })
  await socket.attach({ subscriptions: [{ subscription: tableA }] })
  await socket.next('progress')
  await at.admin.query(
    `revoke select on a from ${role}; insert into a select n, 'secret' from generate_series(1, 50) as n`,
  )
  expect(await socket.next('ended')).toMatchObject({ code: 'permission_denied' })
  expect(JSON.stringify(socket.messages)).not.toContain('secret')
})

test('who comes back is not told by a right that has just been taken away', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, text text); insert into a values (1, 'one'); select event.track('a')`,
  )
  const role = await at.database.createRole('nologin')
  await at.admin.query(`grant select on a to ${role}`)
  const attach = async (request = {}) => {
    const socket = new TestSocket(at.server.url, { role })
    await socket.attach({ subscriptions: [{ subscription: tableA, ...request }], ...request })
    return socket
  }
  const first = await attach()
  const { shape: held } = await first.next('snapshot')
  const { to: position } = await first.next('progress')
  await first[Symbol.asyncDispose]()
  await at.admin.query(`insert into a values (2, 'two')`)
  await sleep(500) // what the server has just found out is out of date by then
  // What it means to follow the table is known, when the right is taken away.
  const other = await attach()
  await other[Symbol.asyncDispose]()
  await at.admin.query(`revoke select on a from ${role}; insert into a values (3, 'secret')`)
  await using back = new TestSocket(at.server.url, { role })
  await back.attach({ position, subscriptions: [{ subscription: tableA, held }] })
  await Promise.race([back.next('ended'), back.next('progress')])
  expect(JSON.stringify(back.messages)).not.toContain('secret')
})

test('who says he has been there since before he had the right is not told of what was then', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, text text); select event.track('a');
     create table b (id int primary key); select event.track('b')`,
  )
  const role = await at.database.createRole('nologin')
  await at.admin.query(`grant select on b to ${role}`)
  await using before = new TestSocket(at.server.url, { role })
  await before.attach({ subscriptions: [{ subscription: { kind: 'table', relation: 'b' } }] })
  const { to: position } = await before.next('progress')
  await at.admin.query(`insert into a values (1, 'secret')`)
  await at.admin.query(`update a set text = 'plain'`)
  await at.admin.query(`grant select on a to ${role}`)
  await untilRightsAreOld(at.database.url)
  await using granted = new TestSocket(at.server.url, { role })
  await granted.attach({ subscriptions: [{ subscription: tableA }] })
  const { shape: held } = await granted.next('snapshot')
  const { to: later } = await granted.next('progress')

  await using forged = new TestSocket(at.server.url, { role })
  await forged.attach({ position, subscriptions: [{ subscription: tableA, held }] })
  await forged.next('progress')
  expect(JSON.stringify(forged.messages)).not.toContain('secret')
  expect((await forged.next('snapshot')).rows).toEqual([['[1]', { id: 1, text: 'plain' }]])

  // Who has been there since goes on from where he was.
  await at.admin.query(`insert into a values (2, 'two')`)
  await using back = new TestSocket(at.server.url, { role })
  await back.attach({ position: later, subscriptions: [{ subscription: tableA, held }] })
  await back.until((changes) => changes.some(({ key }) => key === '[2]'))
  expect(back.messages.some(({ event }) => event === 'snapshot')).toBe(false)
})

test('what is written after a role is not exempt from row security any more is not told, however soon', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, text text); alter table a enable row level security; select event.track('a')`,
  )
  const role = await at.database.createRole('nologin bypassrls')
  await at.admin.query(`grant select on a to ${role}`)
  await using socket = new TestSocket(at.server.url, { role })
  await socket.attach({ subscriptions: [{ subscription: tableA }] })
  await socket.next('progress')
  await at.admin.query(`insert into a values (1, 'one')`)
  await socket.until((changes) => changes.length > 0)
  await at.admin.query(`alter role ${role} nobypassrls`)
  await at.admin.query(`insert into a values (2, 'secret')`)
  await socket.next('snapshot', ({ rows }) => rows.length === 0, socket.messages.length)
  expect(JSON.stringify(socket.messages)).not.toContain('secret')
})

test('E-40 rows come and go by what policies read also where there is too much of that, or of the rows, to be read at once', async () => {
  await using at = await startOnNewDatabase(
    `create table member (id int primary key); create table a (id int primary key, text text);
     insert into a select n, 'row' from generate_series(1, 50) as n;
     alter table a enable row level security;
     create policy listed on a using (exists (select from member as m where m.id = a.id));
     select event.track('a'), event.track('member')`,
    { readAtOnce: { maxRows: 10, maxBytes: 1_000_000 } },
  )
  const role = await at.database.createRole('nologin')
  await at.admin.query(`grant select on a, member to ${role}`)
  await using socket = new TestSocket(at.server.url, { role })
  await socket.attach({ subscriptions: [{ subscription: tableA }] })
  await socket.next('progress')
  await at.admin.query('insert into member select n from generate_series(1, 40) as n')
  await socket.until((changes) => changes.filter(({ op }) => op === 'row_insert').length === 40)
  await at.admin.query('delete from member where id <= 20')
  await socket.until((changes) => changes.filter(({ op }) => op === 'row_delete').length === 20)
  const after = socket.messages.length
  await at.admin.query(`update a set text = 'changed'; delete from member where id <= 30`)
  const { rows } = await socket.next('snapshot', ({ done }) => done, after)
  expect(rows.map(([key, row]) => [key, row['text']])).toEqual(
    Array.from({ length: 10 }, (_, n) => [`[${n + 31}]`, 'changed']),
  )
})
