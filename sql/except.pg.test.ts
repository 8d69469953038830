import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sqlStates } from '../shared/errors.ts'
import { readChanges, readRows, replay, type LoggedChange } from '../test/change-log.ts'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = await database.connect()
})
afterAll(() => database[Symbol.asyncDispose]())

let schemas = 0
beforeEach(async () => {
  const schema = `except_${++schemas}`
  await client.query(`rollback; reset role; create schema ${schema}; set search_path = ${schema}`)
})

const track = (relation: string, except?: readonly string[] | null, on = client) =>
  on.query(`select event.track($1, "except" => $2)`, [relation, except])

const exceptedOf = async (relation: string): Promise<string[]> =>
  (await client.query('select event.excepted_columns($1) as names', [relation])).rows[0].names

/** How much is stored of what was ever left out of a table of this name. */
const storedOf = async (relation: string): Promise<number> =>
  (
    await client.query(
      `select count(*)::int as n from event.excepted_column as e join event.tracked_relation as r on r.id = e.relation_id
        where r.schema_name = current_schema() and r.relation_name = $1`,
      [relation],
    )
  ).rows[0].n

/** Whether what is logged of this test's tables holds a text, wherever. */
async function logHolds(text: string): Promise<boolean> {
  const { rows } = await client.query(
    `select exists (select from event.change as c join event.tracked_relation as r on r.id = c.relation_id
       where r.schema_name = current_schema() and strpos(c::text, $1) > 0)`,
    [text],
  )
  return rows[0].exists
}

/** Runs statements, which must be logged rightly but for what is left out. */
async function changesOf(relation: string, ...statements: string[]): Promise<LoggedChange[]> {
  const before = await readRows(client, relation)
  const { length } = await readChanges(client, relation)
  for (const statement of statements) await client.query(statement)
  const changes = (await readChanges(client, relation)).slice(length)
  expect(replay(before, changes)).toEqual(await readRows(client, relation))
  return changes
}

describe('a column that is left out', () => {
  beforeEach(async () => {
    await client.query(`create table person (id int primary key, secret text, name text, big bigint);
      insert into person values (1, 'before', 'Ann', 1), (2, 'before', 'Bob', 2)`)
    await track('person', ['secret'])
  })

  test('is in no change, whatever is done', async () => {
    const changes = await changesOf(
      'person',
      `insert into person values (3, 'hush 3', 'Cid', 3), (4, 'hush 4', 'Dan', 4)`,
      `update person set secret = 'hush 5' where id = 1`,
      `update person set secret = 'hush 6', name = 'Al' where id = 1`,
      `update person set id = id + 10 where id > 2`,
      `insert into person values (1, 'hush 7', 'Eve', 5) on conflict (id) do update set secret = excluded.secret, big = 9`,
      `delete from person where id = 2`,
      `create temp table source as select 1 as id, 'hush 8'::text as secret`,
      `truncate person`,
    )
    expect(changes.slice(0, 3)).toEqual([
      { op: 'row_insert', key: '[3]', new: { id: 3, name: 'Cid', big: '3' }, old: null },
      { op: 'row_insert', key: '[4]', new: { id: 4, name: 'Dan', big: '4' }, old: null },
      { op: 'field_update', key: '[1]', new: { name: 'Al' }, old: { name: 'Ann' } },
    ])
    expect(changes.slice(-3).every(({ op, old }) => op === 'row_delete' && !('secret' in (old ?? {})))).toBe(
      true,
    )
    expect(await logHolds('hush')).toBe(false)
  })

  test('is in no change that merge or copy makes', async () => {
    const { rows } = await client.query(`show server_version_num`)
    if (Number(rows[0].server_version_num) >= 150_000)
      await changesOf(
        'person',
        `merge into person as p using (values (1, 'hush 9'), (7, 'hush 10')) as s (id, secret) on s.id = p.id
           when matched then update set secret = s.secret, name = 'merged' when not matched then insert values (s.id, s.secret)`,
      )
    await changesOf('person', `copy person from program 'printf ''8\\thush 11\\tZoe\\t1\\n'''`)
    expect(await logHolds('hush')).toBe(false)
    expect(await logHolds('Zoe')).toBe(true)
  })

  test('stays so when it is renamed, also in transactions that began before', async () => {
    const other = await database.connect()
    await other.query(`set search_path = except_${schemas}; begin isolation level repeatable read; select 1`)
    await client.query('alter table person rename secret to hidden; alter table person add more text')
    await other.query(`insert into person values (5, 'hush 1', 'Eve'); update person set hidden = 'hush 2', name = 'x' where id = 1;
      update person set id = 6 where id = 5; delete from person where id = 6; commit`)
    for (const sql of [
      `insert into person values (7, 'hush 3', 'Gus'); update person set hidden = 'hush 4', name = 'y'; delete from person where id = 7`,
      `select event.refresh_capture(); update person set hidden = 'hush 5', name = 'z'; select event.track('person')`,
      `alter table person rename hidden to secret; update person set name = 'w', secret = 'hush 6'; truncate person`,
    ])
      await client.query(sql)
    expect(await logHolds('hush')).toBe(false)
    expect(await exceptedOf('person')).toEqual(['secret'])
    expect((await readChanges(client, 'person')).filter(({ op }) => op === 'row_insert')).toHaveLength(3)
  })

  test('another column that gets its name is none', async () => {
    await client.query('alter table person rename secret to was_secret; alter table person add secret text')
    expect(await exceptedOf('person')).toEqual(['was_secret'])
    await track('person', ['secret'])
    expect(await exceptedOf('person')).toEqual(['secret'])
    await changesOf('person', `update person set secret = 'hush', was_secret = 'told'`)
    expect([await logHolds('hush'), await logHolds('told')]).toEqual([false, true])
  })

  test('may be dropped, and is then forgotten', async () => {
    await client.query('alter table person drop secret, add secret text')
    await changesOf('person', `update person set secret = 'told'`)
    expect(await logHolds('told')).toBe(true)
    await track('person')
    expect(await storedOf('person')).toBe(0)
  })

  test('is in no row or field that is read in the form of the log', async () => {
    const { rows } = await client.query(`select event.row_expression('person', 't') as row,
      event.row_expression('person', 't', array['id', 'secret']) as part, event.field_expression('person', 't', 'secret') as field`)
    expect(rows[0]).toMatchObject({
      row: expect.not.stringContaining('secret'),
      part: expect.not.stringContaining('secret'),
      field: null,
    })
  })

  test('is left out by every later call that says nothing of it, and no longer when it is not named', async () => {
    await track('person')
    expect(await exceptedOf('person')).toEqual(['secret'])
    await track('person', ['name', 'big'])
    expect(await exceptedOf('person')).toEqual(['big', 'name'])
    await track('person', [])
    expect(await exceptedOf('person')).toEqual([])
    const [change] = await changesOf('person', `insert into person values (9, 'told', 'Ida', 9)`)
    expect(change?.new).toEqual({ id: 9, secret: 'told', name: 'Ida', big: '9' })
  })

  test('tracking again with the same list is harmless, and waits for nobody', async () => {
    const writer = await database.connect()
    await writer.query(`begin; insert into except_${schemas}.person values (9)`)
    await client.query(`set lock_timeout = 500`)
    await track('person', ['secret'])
    await track('person')
    await client.query('reset lock_timeout')
    await writer.query('rollback')
  })

  test('is out of the log from the moment on at which the call is over', async () => {
    await track('person', [])
    const writer = await database.connect()
    const late = await database.connect()
    await late.query(`set search_path = except_${schemas}; begin isolation level repeatable read; select 1`)
    await late.query('select count(*) from person')
    await writer.query(
      `set search_path = except_${schemas}; begin; update person set secret = 'told' where id = 1`,
    )
    const tracked = track('person', ['secret'])
    await expect.poll(() => waiting(writer)).toBe(1) // for the writer
    await writer.query(`update person set secret = 'told too' where id = 1; commit`)
    await tracked
    await writer.query(`update person set secret = 'hush', name = 'x'`)
    await late.query(`insert into person values (11, 'hush', 'late'); commit`)
    expect([await logHolds('told too'), await logHolds('hush')]).toEqual([true, false])
  })

  test('untracking forgets it', async () => {
    await client.query(`select event.untrack('person')`)
    expect(await storedOf('person')).toBe(0)
    await track('person')
    expect(await exceptedOf('person')).toEqual([])
  })
})

async function waiting(on: pg.Client): Promise<number> {
  const { rows } = await on.query(`select count(*)::int as n from pg_locks as l
    where not l.granted and l.relation = 'person'::regclass`)
  return rows[0].n
}

describe('is refused', () => {
  beforeEach(() => client.query(`create table item (a int, b int, note text, primary key (a, b))`))

  test('for a column of the primary key', async () => {
    await expect(track('item', ['note', 'b'])).rejects.toMatchObject({
      code: sqlStates.not_subscribable,
      message: `column b of except_${schemas}.item cannot be left out: it is of the primary key, which names the rows`,
    })
  })

  test.each([['nope'], ['ctid'], ['Note'], [null]])('for %s, which is no column', async (column) => {
    await expect(track('item', [column as string])).rejects.toMatchObject({
      code: sqlStates.column_not_found,
      message: `except_${schemas}.item has no column ${column === 'Note' ? '"Note"' : column}`,
    })
  })

  test('to who does not own the table, by whatever way', async () => {
    await track('item', ['note'])
    const role = await database.createRole('nologin')
    await client.query(
      `grant usage on schema except_${schemas} to ${role}; grant all on item to ${role}; set role ${role}`,
    )
    await expect(track('item', [])).rejects.toMatchObject({ code: sqlStates.permission_denied })
    const { rows } = await client.query(`select tgfoid from pg_trigger where tgrelid = 'item'::regclass`)
    expect(rows.length).toBeGreaterThan(0)
    for (const sql of [
      'delete from event.excepted_column',
      `select * from event.find_excepted('item')`,
      `select event.drop_capture('item')`,
    ])
      await expect(client.query(sql), sql).rejects.toThrow()
    await client.query('reset role')
    expect(await exceptedOf('item')).toEqual(['note'])
  })
})

test('the owner of a table, who is no superuser, leaves out what he wants', async () => {
  const role = await database.createRole('nologin')
  await client.query(`grant usage, create on schema except_${schemas} to ${role}; set role ${role};
    create table item (id int primary key, note text)`)
  await track('item', ['note'])
  await client.query(`insert into item values (1, 'hush'); alter table item rename note to secret; insert into item values (2, 'hush');
    select event.track('item'); insert into item values (3, 'hush'); truncate item; reset role`)
  expect(await readChanges(client, 'item')).toHaveLength(6)
  expect(await logHolds('hush')).toBe(false)
})

test('in a key that is moved to a column that was left out, rows have no names that may be told', async () => {
  await client.query(`create table item (id int primary key, token text not null)`)
  await track('item', ['token'])
  await client.query(`insert into item values (1, 'hush'); alter table item drop constraint item_pkey, add primary key (token);
    insert into item values (2, 'hush too'); update item set id = 3 where id = 2; select event.refresh_capture(); delete from item`)
  expect(await readChanges(client, 'item')).toHaveLength(1)
  expect(await logHolds('hush')).toBe(false)
})

test('in partitions, of other columns in another order, it is left out as well', async () => {
  await client.query(`create table item (id int, secret text, name text, primary key (id)) partition by range (id);
    create table item_1 (gone int, name text, id int not null, secret text); alter table item_1 drop gone;
    alter table item attach partition item_1 for values from (0) to (100)`)
  await track('item', ['secret'])
  await client.query(`create table item_2 partition of item for values from (100) to (200)`)
  await changesOf(
    'item',
    `insert into item values (1, 'hush', 'a'), (101, 'hush', 'b')`,
    `update item_1 set secret = 'hush 2', name = 'c'`,
    `update item set id = id + 50, secret = 'hush 3'`,
    `insert into item_1 (id, secret) values (7, 'hush 4')`,
    `update item set id = 107 where id = 7`,
    `alter table item rename secret to hidden`,
    `update item_1 set hidden = 'hush 5', name = 'd'`,
    `delete from item_1`,
    `truncate item`,
  )
  expect(await logHolds('hush')).toBe(false)
})

test('of rows that a statement updates several times it is left out as well', async () => {
  await client.query(`create table parent (a int primary key, b int unique);
    create table child (id int primary key, a int references parent (a) on update cascade,
      b int references parent (b) on update cascade, secret text default 'hush', kept json default '{"x": 1}');
    insert into parent values (1, 1); insert into child values (1, 1, 1)`)
  await track('child', ['secret'])
  await changesOf('child', `update parent set a = 2, b = 2`)
  await client.query(`create function again() returns trigger language plpgsql as
    $$ begin update child set secret = 'hush 2', a = 2 where id = new.id; return null; end $$;
    create trigger again after insert on child for each row execute function again()`)
  await changesOf('child', `insert into child values (2, null, null, 'hush 3')`)
  expect(await logHolds('hush')).toBe(false)
})

test('where keys may be equal for a while, and columns need encoding, it is left out as well', async () => {
  await client.query(`create type pair as (a bigint, b text);
    create table item (id int primary key deferrable initially deferred, at timestamptz, secret pair, kept pair, half pair[])`)
  await track('item', ['secret', 'half'])
  await client.query(`insert into item values (1, now(), (1, 'hush'), (1, 'kept'), array[row(1, 'hush')::pair]), (2, now(), (2, 'hush'), (2, 'kept'), null);
    begin; update item set id = 2 where id = 1; delete from item where secret = row(2, 'hush')::pair; commit;
    alter type pair add attribute c text; update item set secret.c = 'hush', kept.c = 'kept too'`)
  expect([await logHolds('hush'), await logHolds('kept too')]).toEqual([false, true])
})

describe('in a database that was dumped and restored', () => {
  /** The table becomes another, in which columns have other numbers; what is stored of it by name is as it was. */
  async function dumpAndRestore(): Promise<void> {
    const { rows } = await client.query<{ sql: string }>(
      `select pg_get_triggerdef(oid) || '; alter table item enable always trigger ' || tgname as sql
         from pg_trigger where tgrelid = 'item'::regclass and not tgisinternal`,
    )
    await client.query(`create table restored (like item including indexes);
      insert into restored select * from item; begin; drop table item; alter table restored rename to item`)
    for (const { sql } of rows) await client.query(sql)
    await client.query(`update event.tracked_relation set oid = 'item'::regclass where relation_name = 'item'
      and schema_name = current_schema(); commit`)
  }
  const write = () =>
    client.query(`insert into item values (1, 'told', 'hush'); update item set a = 'told too'; truncate item`)

  beforeEach(async () => {
    await client.query(
      `create table item (id int primary key, gone int, a text, secret text); alter table item drop gone`,
    )
    await track('item', ['secret'])
  })

  test('it is found by its name', async () => {
    await dumpAndRestore()
    await write()
    await client.query('select event.refresh_capture()')
    await write()
    expect(await exceptedOf('item')).toEqual(['secret'])
    expect([await logHolds('told too'), await logHolds('hush')]).toEqual([true, false])
    await client.query('alter table item rename secret to hidden')
    await write()
    expect(await exceptedOf('item')).toEqual(['hidden'])
    expect(await logHolds('hush')).toBe(false)
  })

  test('if it was renamed a moment before, all but the key is left out until it is named again', async () => {
    await client.query('alter table item rename secret to hidden')
    await dumpAndRestore()
    await client.query('select event.refresh_capture()')
    await write()
    expect([await logHolds('told'), await logHolds('hush')]).toEqual([false, false])
    await expect(track('item')).rejects.toMatchObject({ code: sqlStates.not_tracked })
    await track('item', ['hidden'])
    await write()
    expect([await logHolds('told'), await logHolds('hush')]).toEqual([true, false])
  })
})
