import type pg from 'pg'
import { createEncodingPool } from '../server/db/pool.ts'
import { readRelation, type RelationInfo } from '../server/routing/catalogue.ts'
import { readRowSecurity, type RowSecurity } from '../server/policies/row-security.ts'
import { sightOf, type Sight } from '../server/routing/sight.ts'
import { Sights } from '../server/routing/sights.ts'
import { allSeen, whoSees } from '../server/routing/who-sees.ts'
import { assume } from '../server/session/identity.ts'
import { createTestDatabase } from './database.ts'

/** Messages in channels that have members, and a role for which policies can be tried out on them. */
export interface PolicedDatabase extends AsyncDisposable {
  /** As a superuser. */
  query(sql: string): Promise<pg.QueryResult>
  /** Looks as a server whose database user is no superuser: exempt from row security and allowed to read the tables, or not. */
  withServer<T>(isExempt: boolean, work: (user: string) => Promise<T>): Promise<T>
  /** Roles of the cluster have other names than in policies here: `staff`, of which the role is a member, and `nobody`. */
  withPolicies<T>(policies: string, work: (shown: Shown) => Promise<T>): Promise<T>
}

type Claims = Readonly<Record<string, unknown>>

/** The keys of the messages that those with these claims are shown. */
export interface Shown {
  readonly security: RowSecurity | null
  readonly bySelect: readonly (readonly string[])[]
  /** As `whoSees` says. */
  byJoin(): Promise<string[][]>
  /** With the sights in a table, even where the policies say who sees a row. */
  byTable(): Promise<string[][]>
  /** All rows at once, by the join; of identities whose claims have no values, as `select` shows them. Null if that cannot be asked. */
  byRelation(): Promise<string[][] | null>
  /** One identity after the other. */
  byEach(): Promise<string[][]>
  readonly sights: readonly Sight[]
}

const tables = ['message', 'member', 'channel', 'profile']
const keys = Array.from({ length: 42 }, (_, n) => `[${n}]`)

/**
 * @param identities the claims of those who look
 * @param options as `createTestDatabase`
 */
export async function createPolicedDatabase(
  identities: readonly Claims[],
  options: Parameters<typeof createTestDatabase>[0] = {},
): Promise<PolicedDatabase> {
  const database = await createTestDatabase(options)
  const role = await database.createRole('nologin')
  const names = new Map([
    ['staff', await database.createRole('nologin')],
    ['nobody', await database.createRole('nologin')],
  ])
  const admin = await database.connect()
  let pool = createEncodingPool(database.url, 4)
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
    grant ${names.get('staff')} to ${role};
    grant usage on schema public, auth to ${role};
    grant select on channel, member, message, profile, membership to ${role}`)
  const plain = await readRelation(pool, 'message', null, { role, claims: {} })

  const look = async (client: pg.PoolClient): Promise<Shown> => {
    const relation = { ...plain, security: await readRowSecurity(pool, plain.oid, role) }
    const { security } = relation
    const bySelect: string[][] = []
    const sights: Sight[] = []
    for (const claims of identities) {
      bySelect.push(await shownBySelect(client, role, claims))
      sights.push(await sightOf(pool, relation, { role, claims }))
    }
    const shown = async (to: RelationInfo): Promise<string[][]> => {
      await client.query('begin')
      try {
        const seen = await whoSees(client, to, new Sights(sights), keys)
        return sights.map((sight) => keys.filter((key) => seen.get(key)?.includes(sight)))
      } finally {
        await client.query('rollback')
      }
    }
    const withJoin = (join: RowSecurity['join']) =>
      shown({ ...relation, security: security && { ...security, join } })
    return {
      security,
      bySelect,
      sights,
      byJoin: () => shown(relation),
      byTable: () => {
        const branches = security?.join?.branches.map((branch) => ({ ...branch, found: null })) ?? []
        return withJoin(security?.join ? { ...security.join, branches } : null)
      },
      async byRelation() {
        await client.query('begin')
        try {
          const { valued } = new Sights(sights)
          const seen = await allSeen(client, relation, valued)
          if (seen === null) return null
          return sights.map((sight, n) => {
            const of = seen[valued.all.indexOf(sight)]
            return of ? keys.filter((key) => of.has(key)) : (bySelect[n] ?? [])
          })
        } finally {
          await client.query('rollback')
        }
      },
      byEach: () => withJoin(null),
    }
  }
  return {
    query: (sql) => admin.query(sql),
    async withServer(isExempt, work) {
      const user = await database.createRole(`login password 'it' noinherit ${isExempt ? 'bypassrls' : ''}`)
      await admin.query(`select event.grant_server('${user}'); grant ${role} to ${user}`)
      if (isExempt) await admin.query(`grant select on ${tables.join(', ')} to ${user}`)
      const url = new URL(database.url)
      url.username = user
      url.password = 'it'
      const before = pool
      pool = createEncodingPool(url.href, 4)
      try {
        return await work(user)
      } finally {
        await pool.end()
        pool = before
        await admin.query(`drop owned by ${user}`)
      }
    },
    async withPolicies(policies, work) {
      await admin.query('alter table message enable row level security')
      await admin.query(policies.replace(/\b(staff|nobody)\b/g, (name) => names.get(name) ?? name))
      const client = await pool.connect()
      try {
        return await work(await look(client))
      } finally {
        client.release()
        const { rows } = await admin.query(
          `select format('drop policy %I on %s', polname, polrelid::regclass) as sql from pg_policy`,
        )
        for (const { sql } of rows) await admin.query(sql)
        for (const table of tables) await admin.query(`alter table ${table} disable row level security`)
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.end()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function shownBySelect(client: pg.ClientBase, role: string, claims: Claims): Promise<string[]> {
  await client.query('begin')
  try {
    await assume(client, { role, claims })
    const { rows } = await client.query('select id from message order by id')
    return rows.map(({ id }) => `[${id}]`)
  } finally {
    await client.query('rollback')
  }
}
