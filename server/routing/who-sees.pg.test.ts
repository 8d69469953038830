import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { createEncodingPool } from '../db/pool.ts'
import { assume, type Identity } from '../session/identity.ts'
import { readRelation } from './catalogue.ts'
import { readRowSecurity } from './row-security.ts'
import { sightOf } from './sight.ts'
import { whoSees } from './who-sees.ts'

const users = ['ann', 'bob', 'cid', null]

/** Rows with an owner, in channels with members. */
const schema = (role: string): string => `
  create table channel (id int primary key, is_public boolean not null, org text);
  create table member (channel_id int, user_id text, is_banned boolean, primary key (channel_id, user_id));
  create table message (id int primary key, channel_id int, owner text, body text);
  select event.track('channel'), event.track('member'), event.track('message');
  insert into channel select n, n % 4 = 0, case when n % 3 > 0 then 'o' || n % 3 end from generate_series(1, 8) as n;
  insert into member values (1, 'ann', false), (2, 'ann', true), (3, 'bob', null), (4, 'cid', false), (5, 'bob', false), (1, 'bob', false);
  insert into message select n, nullif(n % 9, 0), (array['ann', 'bob', 'dan', null])[n % 4 + 1], 'text' from generate_series(1, 40) as n;
  create schema auth;
  create function auth.jwt() returns jsonb language sql stable as
    $$ select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$;
  create function auth.uid() returns text language sql stable as $$ select auth.jwt() ->> 'sub' $$;
  grant usage on schema public, auth to ${role};
  grant select on channel, member, message to ${role};
  alter table message enable row level security;`

const cases: Record<string, string> = {
  'no policy': '',
  'an owner': `create policy a on message using (owner = (current_setting('request.jwt.claims', true)::json ->> 'sub'))`,
  'an owner by a function': `create policy a on message using ((select auth.uid()) = owner)`,
  'members by exists': `create policy a on message using (exists (select from member as m where m.channel_id = message.channel_id and m.user_id = auth.uid()))`,
}

test.for(Object.entries(cases))('%s: the rows that a select shows are seen', async ([, policies]) => {
  await using database = await createTestDatabase()
  const role = await database.createRole('nologin')
  const admin = await database.connect()
  const pool = createEncodingPool(database.url, 2)
  try {
    await admin.query(schema(role))
    await admin.query('alter table message disable row level security')
    const plain = await readRelation(pool, 'message', null, { role, claims: {} })
    await admin.query('alter table message enable row level security')
    await admin.query(policies)
    const relation = { ...plain, security: await readRowSecurity(pool, plain.oid, role) }
    const identities = users.map((sub): Identity => ({ role, claims: sub === null ? {} : { sub } }))
    const keys = Array.from({ length: 42 }, (_, n) => `[${n}]`)
    const client = await pool.connect()
    const expected: string[] = []
    for (const identity of identities) {
      await client.query('begin')
      await assume(client, identity)
      const { rows } = await client.query('select id from message order by id')
      expected.push(rows.map(({ id }) => id).join(' '))
      await client.query('rollback')
    }
    const sights = await Promise.all(identities.map((identity) => sightOf(pool, relation, identity)))
    await client.query('begin')
    const seen = await whoSees(client, relation, sights, keys)
    await client.query('commit')
    client.release()
    const actual = sights.map((sight) =>
      keys
        .filter((key) => seen.get(key)?.includes(sight))
        .map((key) => JSON.parse(key)[0])
        .join(' '),
    )
    expect(actual).toEqual(expected)
  } finally {
    await pool.end()
  }
})
