import { expect, test } from 'vitest'
import { startOnNewDatabase } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'

/** Each fits what may be given to it more closely than PostgreSQL's own of that name, and so would be called in its place. */
const impostors = [
  'lower(name)',
  'quote_ident(name)',
  'cardinality(text[])',
  'unnest(text[])',
  'to_json(int)',
  'to_json(text)',
  'row_to_json(doc)',
  'row_to_json(list)',
  'json_build_object(text, text)',
  'json_build_object(text, json)',
  'json_build_array(text)',
  'json_agg(text)',
  'array_agg(text)',
]

/** What is called takes this lock, which its session keeps. */
const mark = 4711

test('who may create functions in the schema public is not asked by the server', async () => {
  await using at = await startOnNewDatabase(`
    create table doc (id int primary key, list int, body text, tags text[]); create table list (id int primary key, owner text, at timestamptz);
    create function own(list int) returns boolean language sql stable security definer as $$ select exists (
      select from public.list as l where l.id = own.list and l.owner = current_setting('request.jwt.claims', true)::json ->> 'sub') $$;
    alter table doc enable row level security; alter table list enable row level security;
    create policy listed on doc using (own(list));
    create policy owned on list using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
    insert into list values (1, 'ann', now()), (2, 'bob', now()); insert into doc values (1, 1, 'a', '{x}'), (2, 2, 'b', '{x}');
    select event.track('doc'), event.track('list')`)
  const [role, stranger] = [await at.database.createRole('nologin'), await at.database.createRole('nologin')]
  await at.admin.query(`
    grant select on doc, list to ${role}; grant create on schema public to ${stranger}; set role ${stranger};
    ${impostors
      .map(
        (name) =>
          `create function public.${name} returns text language plpgsql as $$ begin perform pg_advisory_lock_shared(${mark}); raise 'called as %', current_user; end $$;`,
      )
      .join('\n')}
    create function public.joined(text, int) returns text language plpgsql as $$ begin perform pg_advisory_lock_shared(${mark}); raise 'called as %', current_user; end $$;
    create operator public.|| (leftarg = text, rightarg = int, function = public.joined);
    reset role`)
  await using ann = new TestSocket(at.server.url, { role, sub: 'ann' })
  await ann.attach()
  for (const relation of ['doc', 'list']) {
    const { id } = await ann.subscribe({
      kind: 'table',
      relation,
      orderBy: [{ column: 'id', direction: 'asc' }],
    })
    const { rows } = await ann.next('snapshot', (m) => m.subscription === id && m.done)
    expect(rows.map(([key]) => key)).toEqual(['[1]'])
    const field = await ann.subscribe({
      kind: 'field',
      relation,
      key: [1],
      column: relation === 'doc' ? 'body' : 'at',
    })
    await ann.next('snapshot', (m) => m.subscription === field.id && m.done)
  }
  await ann.subscribe({ kind: 'table', relation: 'doc', where: { column: 'tags', op: 'eq', value: ['x'] } })
  await at.admin.query(
    `set search_path = pg_catalog; update public.doc set list = 1 where id = 2; update public.list set owner = 'ann' where id = 2`,
  )
  await ann.until((changes) =>
    changes.some(({ op, relation }) => op === 'row_insert' && relation === 'public.doc'),
  )
  await ann.until((changes) =>
    changes.some(({ op, relation }) => op === 'row_insert' && relation === 'public.list'),
  )
  expect(ann.messages.filter(({ event }) => event === 'ended')).toEqual([])
  const { rows } = await at.admin.query(
    `select from pg_locks as l join pg_database as d on d.oid = l.database where d.datname = current_database() and l.objid = ${mark}`,
  )
  expect(rows).toEqual([])
})
