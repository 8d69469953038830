import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { createEncodingPool } from '../db/pool.ts'
import { assume, type Identity } from '../session/identity.ts'
import { readRelation, type RelationInfo } from './catalogue.ts'
import { readRowSecurity } from './row-security.ts'
import { sightOf } from './sight.ts'
import { whoSees } from './who-sees.ts'

const sub = `(current_setting('request.jwt.claims', true)::json ->> 'sub')`

/** How it is asked: `join` for all sights at once, `each` for one after the other. */
const cases: readonly [how: 'join' | 'each', policies: string][] = [
  ['join', ''],
  ['join', 'create policy a on message using (true)'],
  ['join', 'create policy a on message as restrictive using (true)'],
  ['join', 'create policy a on message for insert with check (true)'],
  ['join', 'create policy a on message for select using (id % 3 = 0)'],
  ['join', 'create policy a on message to nobody using (true)'],
  ['join', 'create policy a on message to staff using (true)'],
  ['join', `create policy a on message using (owner = ${sub})`],
  ['join', 'create policy a on message using (owner = auth.uid())'],
  ['join', 'create policy a on message using ((select auth.uid()) = owner)'],
  ['join', 'create policy a on message using (owner is not distinct from auth.uid())'],
  ['join', 'create policy a on message using (not owner = auth.uid())'],
  ['join', 'create policy a on message using (owner <> auth.uid() or owner is null)'],
  ['join', `create policy a on message using (coalesce(owner, 'ann') = coalesce(auth.uid(), 'dan'))`],
  [
    'join',
    `create policy a on message using (case owner when auth.uid() then true when 'dan' then id > 20 else false end)`,
  ],
  [
    'join',
    `create policy a on message using (channel_id = (auth.jwt() -> 'app_metadata' ->> 'channel')::int)`,
  ],
  [
    'join',
    `create policy a on message using (channel_id = any (array(select jsonb_array_elements_text(auth.jwt() -> 'channels')::int)))`,
  ],
  [
    'join',
    `create policy a on message using (channel_id in (select jsonb_array_elements_text(auth.jwt() -> 'channels')::int))`,
  ],
  [
    'join',
    `create policy a on message using (channel_id in (select value::int from jsonb_array_elements_text(auth.jwt() -> 'channels')))`,
  ],
  [
    'join',
    `create policy a on message using (not channel_id in (select jsonb_array_elements_text(auth.jwt() -> 'channels')::int))`,
  ],
  ['join', `create policy a on message using (auth.jwt() -> 'channels' @> to_jsonb(channel_id))`],
  ['join', `create policy a on message using (auth.jwt() ->> 'role' = 'admin' or owner = auth.uid())`],
  ['join', `create policy a on message using (current_user = owner or id < 5)`],
  ['join', `create policy a on message using (pg_has_role(current_user, 'staff', 'member'))`],
  ['join', `create policy a on message using (mood = (auth.jwt() ->> 'mood')::mood)`],
  ['join', `create policy a on message using (mood = 'sad')`],
  ['join', `create policy a on message using (tags && array[auth.uid()])`],
  ['join', `create policy a on message using (auth.uid() = any (tags))`],
  ['join', `create policy a on message using (lower(owner) like auth.uid() || '%')`],
  ['join', `create policy a on message using ((owner, channel_id) = (auth.uid(), 1))`],
  ['join', `create policy a on message using (now() > '2020-01-01' and owner = auth.uid())`],
  [
    'join',
    'create policy a on message using (exists (select from member as m where m.channel_id = message.channel_id and m.user_id = auth.uid()))',
  ],
  [
    'join',
    'create policy a on message using (exists (select * from member as m where m.channel_id = message.channel_id and m.user_id = (select auth.uid())))',
  ],
  [
    'join',
    'create policy a on message using (channel_id in (select channel_id from member where user_id = auth.uid()))',
  ],
  [
    'join',
    'create policy a on message using (channel_id not in (select channel_id from member where user_id = auth.uid()))',
  ],
  [
    'join',
    'create policy a on message using ((channel_id in (select channel_id from member where user_id = auth.uid())) is not true)',
  ],
  [
    'join',
    'create policy a on message using (channel_id = any (array(select channel_id from member where user_id = auth.uid())))',
  ],
  [
    'join',
    'create policy a on message using (channel_id >= all (select channel_id from member where user_id = auth.uid()))',
  ],
  [
    'join',
    'create policy a on message using ((channel_id, owner) in (select channel_id, user_id from member))',
  ],
  [
    'join',
    'create policy a on message using (exists (select from member as m join channel as c on c.id = m.channel_id where c.id = message.channel_id and m.user_id = auth.uid() and not m.is_banned))',
  ],
  [
    'join',
    'create policy a on message using (exists (select from channel as c left join member as m on m.channel_id = c.id and m.user_id = auth.uid() where c.id = message.channel_id and (c.is_public or m.user_id is not null)))',
  ],
  [
    'join',
    'create policy a on message using (exists (select from channel c, member m where c.id = m.channel_id and c.id = message.channel_id and m.user_id = auth.uid()))',
  ],
  [
    'join',
    'create policy a on message using (exists (select from channel as c where c.id = channel_id and c.is_public) or owner = auth.uid())',
  ],
  [
    'join',
    "create policy a on message using ((select c.org from channel as c where c.id = message.channel_id) = auth.jwt() ->> 'org')",
  ],
  [
    'join',
    `create policy a on message using ((select p.org from profile as p where p.id = auth.uid()) = 'o1')`,
  ],
  [
    'join',
    `create policy a on message using (channel_id = (select p.channel_id from profile as p where p.id = auth.uid()))`,
  ],
  [
    'join',
    `create policy a on message using (channel_id = (select max(m.channel_id) from member as m where m.user_id = auth.uid()))`,
  ],
  [
    'join',
    `create policy a on message using ((select count(*) from member as m where m.channel_id = message.channel_id) > 1)`,
  ],
  [
    'join',
    `create policy a on message using (not exists (select from member as m where m.channel_id = message.channel_id and m.user_id = auth.uid() and m.is_banned))`,
  ],
  [
    'join',
    `create policy a on message using (owner = auth.uid()); create policy b on message using (id = 7); create policy c on message as restrictive using (channel_id > 2)`,
  ],
  [
    'join',
    `create policy a on message using (owner = auth.uid() or id = 7); create policy b on message as restrictive using (channel_id > 2 or mood = 'sad'); create policy c on message as restrictive using (auth.uid() is not null)`,
  ],
  [
    'join',
    `create policy a on message to staff using (owner = auth.uid()); create policy b on message to nobody using (true)`,
  ],
  // Tables in sub-selects that are secured themselves.
  [
    'join',
    `create policy a on message using (exists (select from member as m where m.channel_id = message.channel_id and m.user_id = auth.uid()));
            alter table member enable row level security`,
  ],
  [
    'join',
    `create policy a on message using (exists (select from member as m where m.channel_id = message.channel_id));
            alter table member enable row level security; create policy a on member using (user_id = auth.uid())`,
  ],
  [
    'join',
    `create policy a on message using (channel_id in (select m.channel_id from member as m));
            alter table member enable row level security; create policy a on member using (user_id = auth.uid() and exists (select from channel as c where c.id = channel_id));
            alter table channel enable row level security; create policy a on channel using (is_public or org = auth.jwt() ->> 'org')`,
  ],
  [
    'join',
    `create policy a on message using (exists (select from channel as c left join member as m on m.channel_id = c.id where c.id = message.channel_id and m.user_id is null));
            alter table member enable row level security; create policy a on member using (user_id = auth.uid())`,
  ],
  [
    'join',
    `create policy a on message using (exists (select from channel as c join member as m on m.channel_id = c.id where c.id = message.channel_id));
            alter table member enable row level security; create policy a on member using (user_id = auth.uid());
            alter table channel enable row level security; create policy a on channel using (true); create policy b on channel as restrictive using (org is not null)`,
  ],
  // What is not asked for all at once.
  ['each', 'create policy a on message using (is_member(channel_id))'],
  ['each', 'create policy a on message using (owner = fixed_uid())'],
  [
    'each',
    'create policy a on message using (exists (select from membership as m where m.channel_id = message.channel_id and m.user_id = auth.uid()))',
  ],
  [
    'each',
    'create policy a on message using (owner in (select m.user_id from member as m union select auth.uid()))',
  ],
  [
    'each',
    'create policy a on message using (channel_id = (select m.channel_id from member as m where m.user_id = auth.uid() order by 1 limit 1))',
  ],
  ['each', 'create policy a on message using (message is not null and owner = auth.uid())'],
  ['each', 'create policy a on message using (owner = upper_case(auth.uid()))'],
  ['each', `create policy a on message using (owner ||| auth.uid())`],
  ['each', `create policy a on message using (owner = auth.uid() collate "C")`],
]

let database: TestDatabase
let pool: pg.Pool
let admin: pg.Client
let role: string
let plain: RelationInfo
const keys = Array.from({ length: 42 }, (_, n) => `[${n}]`)

beforeAll(async () => {
  database = await createTestDatabase()
  role = await database.createRole('nologin')
  const [staff, nobody] = [await database.createRole('nologin'), await database.createRole('nologin')]
  admin = await database.connect()
  pool = createEncodingPool(database.url, 4)
  await admin.query(`
    create type mood as enum ('sad', 'gay');
    create table channel (id int primary key, is_public boolean not null, org text);
    create table member (channel_id int, user_id text, is_banned boolean, primary key (channel_id, user_id));
    create table profile (id text primary key, org text, channel_id bigint);
    create table message (id int primary key, channel_id int, owner text, mood mood, tags text[]);
    select event.track('channel'), event.track('member'), event.track('profile'), event.track('message');
    insert into channel select n, n % 4 = 0, case when n % 3 > 0 then 'o' || n % 3 end from generate_series(1, 8) as n;
    insert into member values (1, 'ann', false), (2, 'ann', true), (3, 'bob', null), (4, 'cid', false), (5, 'bob', false), (1, 'bob', false);
    insert into profile values ('ann', 'o1', 3), ('bob', 'o2', null);
    insert into message select n, nullif(n % 9, 0), (array['ann', 'bob', 'dan', null])[n % 4 + 1],
      (array['sad', 'gay', null]::mood[])[n % 3 + 1], (array['ann', 'x' || n])[n % 2 + 1 : 2] from generate_series(1, 40) as n;
    create view membership as select * from member;
    create schema auth;
    create function auth.jwt() returns jsonb language sql stable as
      $$ select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$;
    create function auth.uid() returns text language sql stable as $$ select auth.jwt() ->> 'sub' $$;
    create function fixed_uid() returns text language sql immutable as $$ select current_setting('request.jwt.claims')::json ->> 'sub' $$;
    create function upper_case(name text) returns text language plpgsql as $$ begin return upper(name); end $$;
    create function either(a text, b text) returns boolean language sql as $$ select a = b or exists (select from member where user_id = b) $$;
    create operator ||| (leftarg = text, rightarg = text, function = either);
    create function is_member(channel int) returns boolean language sql stable security definer as
      $$ select exists (select from member as m where m.channel_id = channel and m.user_id = auth.uid()) $$;
    grant ${staff} to ${role};
    grant usage on schema public, auth to ${role};
    grant select on channel, member, message, profile, membership to ${role}`)
  plain = await readRelation(pool, 'message', null, { role, claims: {} })
  names.set('staff', staff)
  names.set('nobody', nobody)
})

const names = new Map<string, string>()

afterAll(async () => {
  await pool.end()
  await database[Symbol.asyncDispose]()
})

/** Runs in a transaction of the administrator's, so that nothing is left of it. */
async function withPolicies(policies: string, work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
  const tables = 'message, member, channel, profile'.split(', ')
  await admin.query('alter table message enable row level security')
  await admin.query(policies.replace(/\b(staff|nobody)\b/g, (name) => names.get(name) ?? name))
  const client = await pool.connect()
  try {
    await work(client)
  } finally {
    client.release()
    const { rows } = await admin.query(
      `select format('drop policy %I on %s', polname, polrelid::regclass) as sql from pg_policy`,
    )
    for (const { sql } of rows) await admin.query(sql)
    for (const table of tables) await admin.query(`alter table ${table} disable row level security`)
  }
}

const claims: readonly Record<string, unknown>[] = [
  { sub: 'ann', channels: [1, 4], org: 'o1', mood: 'sad' },
  { sub: 'bob', channels: [], role: 'admin', app_metadata: { channel: 3 }, org: 'o2' },
  { sub: 'cid', channels: [null], org: 'o1', mood: 'gay' },
  { sub: null, org: null },
  {},
]

async function shownBySelect(client: pg.ClientBase, identity: Identity): Promise<string[]> {
  await client.query('begin')
  try {
    await assume(client, identity)
    const { rows } = await client.query('select id from message order by id')
    return rows.map(({ id }) => `[${id}]`)
  } finally {
    await client.query('rollback')
  }
}

test.for(cases)('by %s, those see a row to whom a select shows it: %s', async ([how, policies]) => {
  await withPolicies(policies, async (client) => {
    const relation = { ...plain, security: await readRowSecurity(pool, plain.oid, role) }
    const identities = claims.map((each): Identity => ({ role, claims: each }))
    const expected: string[][] = []
    for (const identity of identities) expected.push(await shownBySelect(client, identity))
    const sights = await Promise.all(identities.map((identity) => sightOf(pool, relation, identity)))
    const shown = async (to: RelationInfo): Promise<string[][]> => {
      await client.query('begin')
      const seen = await whoSees(client, to, sights, keys)
      await client.query('commit')
      return sights.map((sight) => keys.filter((key) => seen.get(key)?.includes(sight)))
    }
    expect(await shown(relation)).toEqual(expected)
    const { security } = relation
    expect(await shown({ ...relation, security: security && { ...security, join: null } })).toEqual(expected)
    if (security?.join) {
      // Also where the policies say who sees a row: with the sights in a table.
      const branches = security.join.branches.map((branch) => ({ ...branch, found: null }))
      expect(
        await shown({ ...relation, security: { ...security, join: { ...security.join, branches } } }),
      ).toEqual(expected)
    }
    expect(security?.join ? 'join' : 'each').toBe(how)
  })
})
