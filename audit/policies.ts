import type { Random } from './random.ts'
import { columnFor, type AuditTable, type Meaning } from './tables.ts'

/** The claims of whoever reads, as policies commonly read them. */
const claims = `nullif(current_setting('request.jwt.claims', true), '')::json`

/** Functions that policies call: plain, and with the rights of their owner, which the reader need not have. */
export const policyFunctions = `
  create function public.claim(name text) returns text language sql stable
    as $$ select ${claims} ->> name $$;
  create function public.is_member(of_team text) returns boolean language sql stable security definer set search_path = ''
    as $$ select exists (select from public.membership as m where m.team = of_team and m.usr = public.claim('sub')) $$;
  create function public.my_teams() returns setof text language plpgsql stable security definer set search_path = ''
    as $$ begin return query select m.team from public.membership as m where m.usr = public.claim('sub'); end $$;
`

/**
 * A condition over a row. Undefined: this table has no columns for it.
 *
 * @param members where memberships are looked up
 */
type Template = (table: AuditTable, members: string) => string | undefined

function over(
  table: AuditTable,
  meaning: Meaning,
  sql: (column: string) => string | undefined,
): string | undefined {
  const column = columnFor(table, meaning)
  return column === undefined ? undefined : sql(column)
}

const templates: Readonly<Record<string, Template>> = {
  everything: () => 'true',
  own: (table) => over(table, 'owner', (owner) => `${owner} = ${claims} ->> 'sub'`),
  'own, in a sub-select': (table) =>
    over(table, 'owner', (owner) => `${owner} = (select ${claims} ->> 'sub')`),
  'own, by a function': (table) => over(table, 'owner', (owner) => `${owner} = public.claim('sub')`),
  'of the team of the claim': (table) =>
    over(table, 'team', (team) => `${team} = (select ${claims} ->> 'team')`),
  'up to the level of the claim': (table) =>
    over(table, 'level', (level) => `${level} <= (${claims} ->> 'level')::integer`),
  'of a team of mine, exists': (table, members) =>
    over(
      table,
      'team',
      (team) =>
        `exists (select from ${members} as m where m.team = ${table.relation}.${team} and m.usr = ${claims} ->> 'sub')`,
    ),
  'of a team of mine, in': (table, members) =>
    over(
      table,
      'team',
      (team) =>
        `${team} in (select m.team from ${members} as m where m.usr = (select ${claims} ->> 'sub') and not m.hidden)`,
    ),
  'of a team of mine, by a security-definer function': (table) =>
    over(table, 'team', (team) => `public.is_member(${team})`),
  'of a team of mine, by a function that returns a set': (table) =>
    over(table, 'team', (team) => `${team} in (select public.my_teams())`),
  'owned by somebody of my teams': (table, members) =>
    over(
      table,
      'owner',
      (owner) => `exists (
        select from ${members} as mine join ${members} as theirs using (team)
        where mine.usr = ${claims} ->> 'sub' and theirs.usr = ${table.relation}.${owner})`,
    ),
  'by role': () => `current_user like '%clerk'`,
}

/** What only narrows. */
const restrictions: Readonly<Record<string, Template>> = {
  'not hidden': (table) => over(table, 'hidden', (hidden) => `not ${hidden}`),
  'not hidden, or own': (table) =>
    over(table, 'hidden', (hidden) =>
      over(table, 'owner', (owner) => `(not ${hidden} or ${owner} = ${claims} ->> 'sub')`),
    ),
  'low level': (table) => over(table, 'level', (level) => `coalesce(${level}, 0) < 4`),
  'no other team': (table) =>
    over(table, 'team', (team) => `${team} is distinct from (${claims} ->> 'banned')`),
  'not of a banned team': (table, members) =>
    over(
      table,
      'team',
      (team) =>
        `not exists (select from ${members} as m where m.team = ${table.relation}.${team} and m.usr = ${claims} ->> 'sub' and m.hidden)`,
    ),
}

export interface Policy {
  readonly name: string
  readonly relation: string
  readonly isRestrictive: boolean
  /** Roles, or `public`. */
  readonly to: readonly string[]
  readonly command: 'all' | 'select'
  /** What it is called among the templates, for people. */
  readonly title: string
  readonly using: string
}

/** Half of the policies look up memberships: there the most can go wrong. */
function isByMembership(title: string): boolean {
  return title.includes('my teams') || title.includes('of mine')
}

/**
 * A policy that fits a table. On a table of members it may look up members in a partition, whose own policies look up none, so
 * that this comes to an end.
 *
 * @param members where memberships are looked up: in the table of members, or in one of its partitions, whose policies then hold
 */
export function randomPolicy(
  random: Random,
  table: AuditTable,
  members: string,
  roles: readonly string[],
  name: string,
  isRestrictive = random.chance(0.25),
): Policy {
  const isEndless = table.isMembership && (table.partitionOf !== undefined || table.relation === members)
  const fitting = Object.entries(isRestrictive ? restrictions : templates).flatMap(([title, template]) => {
    const using = template(table, members)
    return using === undefined || (isEndless && using.includes(`${members} as`)) ? [] : [{ title, using }]
  })
  const byMembership = random.chance(0.5) ? fitting.filter(({ title }) => isByMembership(title)) : []
  const chosen = random.pick(byMembership) ?? random.pick(fitting) ?? { title: 'everything', using: 'true' }
  return {
    name,
    relation: table.relation,
    isRestrictive,
    to: random.chance(0.6) ? ['public'] : random.shuffled(roles).slice(0, random.int(1, 2)),
    command: random.chance(0.5) ? 'all' : 'select',
    ...chosen,
  }
}

export function createPolicy({ name, relation, isRestrictive, to, command, using }: Policy): string {
  return `create policy ${name} on ${relation} as ${isRestrictive ? 'restrictive' : 'permissive'}
    for ${command} to ${to.join(', ')} using (${using})`
}
