import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readChanges, readRows, replay } from '../test/change-log.ts'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'

let database: TestDatabase
let client: pg.Client
let hasMerge: boolean

beforeAll(async () => {
  database = await createTestDatabase()
  client = await database.connect()
  hasMerge = Number((await client.query('show server_version_num')).rows[0].server_version_num) >= 150_000
  // What a trigger or a function is to do is data: one action for each moment, taken when it comes.
  await client.query(`
    create table script (n serial primary key, moment text, action text);
    create function run(action text) returns int language plpgsql as $$
    begin
      execute action;
      return 0;
    exception when others then
      return 0;
    end $$;
    create function act() returns trigger language plpgsql as $$
    declare
      v_action text;
    begin
      if pg_trigger_depth() <= 3 then
        delete from script where n = (
          select min(n) from script where moment = concat_ws(' ', tg_when, tg_level, tg_op, left(tg_name, 1))
        ) returning action into v_action;
        if found then
          perform run(v_action);
        end if;
      end if;
      return case tg_level when 'STATEMENT' then null when 'ROW' then coalesce(new, old) end;
    end $$`)
  for (const [table, reference] of [
    ['plain', ''],
    ['tree', 'references tree on update cascade on delete set null'],
    ['family', 'references family on update cascade on delete cascade'],
  ]) {
    await client.query(`create table ${table} (id int primary key, v int, up int ${reference})`)
    for (const [when, level] of [
      ['before', 'row'],
      ['after', 'row'],
      ['before', 'statement'],
      ['after', 'statement'],
    ])
      for (const name of ['a', 'z'])
        await client.query(`create trigger ${name}_${when}_${level} ${when} insert or update or delete on ${table}
          for each ${level} execute function act()`)
    await client.query(`select event.track('${table}')`)
  }
})
afterAll(() => database[Symbol.asyncDispose]())

const id = fc.integer({ min: 1, max: 4 })
const v = fc.integer({ min: 0, max: 3 })
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

/** A statement on the table; some call a function that does another meanwhile. */
const { statement } = fc.letrec<{ statement: string; value: string }>((tie) => ({
  value: fc.oneof(
    { weight: 6, arbitrary: v.map(String) },
    { weight: 1, arbitrary: tie('statement').map((action) => `run(${literal(action)})`) },
  ),
  statement: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(id, v).map(([id, v]) => `insert into $t values (${id}, ${v})`),
    fc
      .tuple(id, v, tie('value'))
      .map(([id, v, value]) => `update $t set v = ${v} where id = ${id} returning ${value}`),
    fc.tuple(id, id).map(([from, to]) => `update $t set id = ${to} where id = ${from}`),
    fc.tuple(id, tie('value')).map(([id, value]) => `delete from $t where id = ${id} returning ${value}`),
    fc
      .tuple(id, v, tie('value'))
      .map(([id, v, value]) => `insert into $t values (${id}, ${v}) returning ${value}`),
    fc.tuple(id, tie('value')).map(([id, value]) => `insert into $t values (${id}, ${value})`),
    fc.tuple(id, tie('value')).map(([id, value]) => `update $t set v = ${value} where id >= ${id}`),
    fc.tuple(id, id).map(([id, up]) => `update $t set up = ${up} where id = ${id}`),
    fc
      .tuple(id, id, v)
      .map(
        ([a, b, v]) =>
          `insert into $t values (${a}, ${v}), (${b}, ${v}) on conflict (id) do update set v = excluded.v`,
      ),
    fc
      .tuple(id, id, id)
      .map(
        ([a, b, c]) => `insert into $t values (${a}, 7), (${b}, 8) on conflict (id) do update set id = ${c}`,
      ),
    fc.constantFrom(
      'delete from $t',
      'update $t set v = v + 1',
      'update $t set id = id + 1 where id = (select max(id) from $t)',
    ),
    fc
      .tuple(id, id)
      .map(
        ([a, b]) =>
          `with d as (delete from $t where id = ${a} returning *) insert into $t select ${b}, v from d`,
      ),
    fc.tuple(id, id).map(
      ([a, b]) => `with d as (delete from $t where id <= ${a} returning *),
      i as (insert into $t select id, 9 from d order by id limit 1) update $t set v = 5 where id = ${b}`,
    ),
    fc.tuple(id, id, id).map(
      ([a, b, c]) => `merge into $t using (values (${a}, 0), (${b}, 1)) as s (id, n) on $t.id = s.id
      when matched and n = 0 then delete when matched then update set id = ${c} when not matched then insert values (${a}, 6)`,
    ),
  ),
}))
const moment = fc
  .tuple(
    fc.constantFrom('BEFORE', 'AFTER'),
    fc.constantFrom('ROW', 'STATEMENT'),
    fc.constantFrom('INSERT', 'UPDATE', 'DELETE'),
    fc.constantFrom('a', 'z'),
  )
  .map((parts) => parts.join(' '))
const script = fc.array(fc.tuple(moment, statement), { maxLength: 6 })
const transaction = fc.array(fc.tuple(statement, fc.boolean()), { minLength: 1, maxLength: 4 })

test('the log of statements inside statements replays to the table, each change to the row as it then was', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom('plain', 'tree', 'family'),
    script,
    transaction,
    async (table, script, transaction) => {
      await client.query(
        `delete from script; delete from ${table}; insert into ${table} values (1, 1, null), (2, 2, 1), (3, 3, 2), (5, 5, 5);
         delete from event.change`,
      )
      for (const [moment, action] of script)
        await client.query('insert into script (moment, action) values ($1, $2)', [
          moment,
          action.replaceAll('$t', table),
        ])
      const before = await readRows(client, table)

      await client.query('begin')
      for (const [statement, isKept] of transaction) {
        if (!hasMerge && statement.startsWith('merge')) continue
        await client.query('savepoint s')
        const isDone = await client.query(statement.replaceAll('$t', table)).then(
          () => true,
          () => false,
        )
        if (!isDone || !isKept) await client.query('rollback to s')
      }
      await client.query('commit')

      const changes = await readChanges(client, table)
      expect(replay(before, changes)).toEqual(await readRows(client, table))
    },
  )
  await fc.assert(property, { numRuns: 200 })
}, 60_000)
