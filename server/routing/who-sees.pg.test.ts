import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPolicedDatabase, type PolicedDatabase } from '../../test/policed-database.ts'

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
  [
    'join',
    `create policy a on message using (owner = auth.uid() and (auth.jwt() ->> 'n')::int < extract(epoch from now()))`,
  ],
  ['join', `create policy a on message using ((select max(auth.uid()) from member where false) is null)`],
  ['join', `create policy a on message using ((select count(*) from member) = 0 and auth.uid() is null)`],
  [
    'join',
    `create policy a on message using (auth.uid() = owner and owner = auth.uid() and owner > auth.uid() || '')`,
  ],
  ['join', `create policy a on message using (not (auth.jwt() ? 'role') and owner = auth.uid())`],
  [
    'join',
    'create policy a on message using (owner in (select m.user_id from member as m where m.channel_id = message.channel_id union select auth.uid()))',
  ],
  [
    'join',
    'create policy a on message using (owner not in (select m.user_id from member as m union all select auth.uid() union select p.org from profile as p))',
  ],
  [
    'join',
    'create policy a on message using (exists (select from member as m where m.user_id = auth.uid() and m.channel_id = message.channel_id union select from channel as c where c.id = channel_id and c.is_public))',
  ],
  [
    'join',
    'create policy a on message using (exists (select 1 from member as m where m.channel_id = message.channel_id and m.user_id = auth.uid() order by 1 limit 1))',
  ],
  [
    'join',
    'create policy a on message using (channel_id in (select distinct m.channel_id from member as m where m.user_id = auth.uid() order by 1))',
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
    'create policy a on message using (owner in (select m.user_id from member as m except select auth.uid()))',
  ],
  [
    'each',
    'create policy a on message using (owner in (select m.user_id from member as m order by 1 limit 3))',
  ],
  [
    'each',
    'create policy a on message using (channel_id = (select m.channel_id from member as m where m.user_id = auth.uid() order by 1 limit 1))',
  ],
  ['each', 'create policy a on message using (message is not null and owner = auth.uid())'],
  ['each', 'create policy a on message using (owner = upper_case(auth.uid()))'],
  ['each', `create policy a on message using (owner ||| auth.uid())`],
  ['each', `create policy a on message using (owner = auth.uid() collate "C")`],
  [
    'each',
    `create policy a on message using (octet_length(concat(owner, (auth.jwt() ->> 'padded')::bpchar)) = 6)`,
  ],
]

let database: PolicedDatabase

beforeAll(async () => {
  database = await createPolicedDatabase([
    { sub: 'ann', channels: [1, 4], org: 'o1', mood: 'sad' },
    { sub: 'bob', channels: [], role: 'admin', app_metadata: { channel: 3 }, org: 'o2', padded: 'x' },
    { sub: 'cid', channels: [null], org: 'o1', mood: 'gay', padded: 'x  ' },
    { sub: null, org: null },
    {},
  ])
})

afterAll(() => database[Symbol.asyncDispose]())

test.for(cases)('by %s, those see a row to whom a select shows it: %s', async ([how, policies]) => {
  await database.withPolicies(policies, async (shown) => {
    expect(await shown.byJoin()).toEqual(shown.bySelect)
    expect(await shown.byTable()).toEqual(shown.bySelect)
    expect((await shown.byRelation()) ?? shown.bySelect).toEqual(shown.bySelect)
    expect(await shown.byEach()).toEqual(shown.bySelect)
    expect(shown.security?.join ? 'join' : 'each').toBe(how)
  })
})

test.for([
  [true, 'join'],
  [false, 'each'],
] as const)(
  'a server that is no superuser and is exempt from row security (%s) asks by %s',
  ([isExempt, how]) =>
    database.withServer(isExempt, () =>
      database.withPolicies(
        `create policy a on message using (owner = auth.uid() or channel_id in (select channel_id from member where user_id = auth.uid()));
       alter table member enable row level security; create policy a on member using (user_id = auth.uid())`,
        async (shown) => {
          expect(await shown.byJoin()).toEqual(shown.bySelect)
          expect(shown.security?.join ? 'join' : 'each').toBe(how)
        },
      ),
    ),
)

test('a type of the application’s own is found, though the server looks up no names where that is', () =>
  database.withPolicies(
    `create policy a on message using (mood = (auth.jwt() ->> 'mood')::mood)`,
    async (shown) => {
      expect(await shown.byRelation()).toEqual(shown.bySelect)
    },
  ))

test('a server from which row security hides rows all of a sudden takes that for no answer', () =>
  database.withServer(true, (user) =>
    database.withPolicies('create policy a on message to staff using (owner = auth.uid())', async (shown) => {
      expect(shown.security?.join).not.toBeNull()
      await database.query(`alter role ${user} nobypassrls`)
      expect(await shown.byJoin()).toEqual(shown.bySelect)
      expect(await shown.byRelation()).toBeNull()
    }),
  ))

test.for([
  [
    'a cast that calls a function',
    'owner = mood',
    `create cast (mood as text) with function text_of(mood) as implicit`,
  ],
  [
    'an equality of their own',
    `nullif(auth.uid(), '') = owner`,
    'create operator public.= (leftarg = text, rightarg = int, function = equals)',
  ],
  [
    'a function of a built-in name',
    'owner = auth.uid()',
    `create function current_setting(text, int) returns text language sql as $$ select 'ann' $$`,
  ],
  [
    'two functions of one name',
    'owner = auth.uid()',
    'create function auth.uid(int) returns text language sql as $$ select null $$',
  ],
  ['a time in a function', `owner = auth.uid() or is_late()`, ''],
  ['a table in a function', `owner = auth.uid() or is_someone()`, ''],
  ['a function that calls itself', 'owner = again()', ''],
  ['a domain', `owner = (auth.uid()::nickname)::text`, ''],
])('policies are not taken for what they are not, for %s', async ([, policy, also]) => {
  await using own = await createPolicedDatabase([{ sub: 'ann' }, { sub: 'bob' }, {}])
  await own.query(`
    create function text_of(a mood) returns text language sql as $$ select 'ann' $$;
    create function equals(a text, b int) returns boolean language sql as $$ select a = b::text $$;
    create function is_late() returns boolean language sql stable as $$ select now() < '2020-01-01' $$;
    create function is_someone() returns boolean language sql stable as $$ select exists (select from member where user_id = auth.uid()) $$;
    create function again() returns text language sql stable as $$ select case when false then again() else auth.uid() end $$;
    create domain nickname as text check (value <> ''); ${also}`)
  await own.withPolicies(`create policy a on message using (${policy})`, async (shown) => {
    expect(await shown.byJoin()).toEqual(shown.bySelect)
    expect(shown.security?.join).toBeNull()
  })
})

test('rows are alike only if nothing that decides about them differs', async () => {
  await using own = await createPolicedDatabase([
    { sub: 'ann' },
    { sub: 'bob' },
    { sub: '' },
    { sub: null },
    {},
  ])
  await own.query(`
    create type pair as (a text, b numeric);
    alter table message add column key text, add column n int, add column kind text, add column "a ""b""" text,
      add column amount numeric, add column ratio float8, add column list text[], add column pair pair,
      add column padded char(4), add column doc jsonb;
    update message set key = owner, n = id, kind = (array['', null, 'null', ' '])[id % 4 + 1], "a ""b""" = owner,
      amount = (array[1.0, 1.00, 'NaN', null])[id % 4 + 1], ratio = (array['-0', '0', 'NaN', null]::float8[])[id % 4 + 1],
      list = (array['{}', '{null}', '{"null"}', '[2:2]={ann}', null])[id % 5 + 1]::text[],
      pair = (array['(,)', '("",1.0)', '("",1.00)', null]::pair[])[id % 4 + 1],
      padded = (array['ann', 'ann ', null])[id % 3 + 1],
      doc = (array['null', '""', '{"a": 1.0}', '{"a": 1.00}', null]::jsonb[])[id % 5 + 1]`)
  for (const policy of [
    'key = auth.uid()',
    `"a ""b""" is not distinct from auth.uid()`,
    'n = 7 or kind = auth.uid()',
    'kind is null and auth.uid() is null',
    `coalesce(kind, 'null') = coalesce(auth.uid(), 'null')`,
    `scale(amount) = octet_length(auth.uid()) - 1`,
    `ratio::text = '-0' and key = auth.uid()`,
    `array_lower(list, 1) = 2 and key is null or cardinality(list) = 0 and key = auth.uid()`,
    `pair::text = '("",1.00)' and auth.uid() = 'ann'`,
    `padded = auth.uid() or octet_length(doc::text) = 11 and auth.uid() = 'bob'`,
    `auth.uid() = 'ann'`,
    'id % 3 = octet_length(auth.uid())',
  ])
    await own.withPolicies(`create policy a on message using (${policy})`, async (shown) => {
      expect(await shown.byRelation(), policy).toEqual(shown.bySelect)
      expect(await shown.byJoin(), policy).toEqual(shown.bySelect)
      expect(new Set(shown.bySelect.map((keys) => keys.length)).size, policy).toBeGreaterThan(1)
    })
})

test('rows that far more may see than are here are seen by those who are here', async () => {
  await using own = await createPolicedDatabase([{ sub: 'ann' }, { sub: 'm17' }, { sub: 'nobody' }])
  await own.query(`insert into member select 1, 'm' || n, false from generate_series(1, 6000) as n`)
  await own.withPolicies(
    'create policy a on message using (channel_id in (select m.channel_id from member as m where m.user_id = auth.uid()))',
    async (shown) => {
      expect(await shown.byJoin()).toEqual(shown.bySelect)
      expect(shown.bySelect.map((keys) => keys.length > 0)).toEqual([true, true, false])
    },
  )
})

test('texts are compared by the collation of names where a policy compares them with the name of a role', async () => {
  const { rows } = await database.query('show server_version_num')
  if (Number(rows[0].server_version_num) < 150_000) return // a database has no such collation yet
  await using own = await createPolicedDatabase([{ sub: 'ann' }, {}], { icuLocale: 'en-US' })
  await own.query(`update message set owner = (array['AAA', 'zzz', 'Zzz', 'aaa'])[id % 4 + 1]`)
  for (const policy of [
    'owner < current_user',
    'owner > lower(current_user) or owner = auth.uid()',
    'owner < any (array[current_user::text, auth.uid()])',
    'greatest(owner, (select current_user::text)) = owner',
  ])
    await own.withPolicies(`create policy a on message using (${policy})`, async (shown) => {
      expect(await shown.byJoin(), policy).toEqual(shown.bySelect)
      expect(await shown.byRelation(), policy).toEqual(shown.bySelect)
    })
})
