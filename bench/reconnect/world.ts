import type pg from 'pg'
import type { Missed } from './clients-process.ts'

const teams = 100
const items = 10_000
export const listSize = 50
/** Of the changes, one in so many is of a team, which all clients show. */
const oneInSoMany = 10

export const worldSql = `create table team (id int primary key, name text, change int);
  create table item (id int primary key, team int, score int, text text, change int);
  insert into team select n, 'team ' || n from generate_series(0, ${teams - 1}) as n;
  insert into item select n, n % ${teams}, n, repeat('x', 50) from generate_series(1, ${items}) as n;
  select event.track('team'), event.track('item')`

export function teamOf(client: number): number {
  return client % teams
}

/** The one that the client shows by itself. */
export function itemOf(client: number): number {
  return (client % items) + 1
}

/**
 * Commits so many changes of one row each: of teams, and of the scores of items, which are those that the first clients show.
 *
 * @param first their first number, which has not been used before
 */
export async function change(admin: pg.Client, first: number, changes: number): Promise<Missed> {
  const ofTeams: number[] = []
  const ofItems = new Map<number, number[]>()
  for (let n = first; n < first + changes; n++) {
    if (n % oneInSoMany === 0) {
      await admin.query('update team set change = $1 where id = $2', [n, n % teams])
      ofTeams.push(n)
    } else {
      const item = itemOf(n - first)
      await admin.query('update item set change = $1, score = score + 1000 where id = $2', [n, item])
      ofItems.set(item, [...(ofItems.get(item) ?? []), n])
    }
  }
  const { rows } = await admin.query<{ items: number[] }>(
    `select array(select i.id from item as i where i.team = t.id order by i.score desc, i.id desc limit ${listSize}) as items
       from team as t order by t.id`,
  )
  return { teams: ofTeams, items: [...ofItems], lists: rows.map(({ items }) => items) }
}
