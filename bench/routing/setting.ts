import type { Subscription } from '../../shared/subscription.ts'

// What there is, and who follows what of it: no two sessions the same.

export const perSession = 10
const rowsEach = 4
const fieldsEach = 3
const channelsEach = perSession - rowsEach - fieldsEach

/** In it is what changes; everybody else follows others. */
export const watchedChannel = 0

export const watched: Subscription = {
  kind: 'table',
  relation: 'public.item',
  where: { column: 'channel', op: 'eq', value: watchedChannel },
}

/** The rows, fields and channels of a session, from 0. */
export function subscriptionsOf(session: number): Subscription[] {
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => session * count + i + 1)
  return [
    ...numbers(rowsEach).map((id): Subscription => ({ kind: 'row', relation: 'item', key: [id] })),
    ...numbers(fieldsEach).map((id): Subscription => ({
      kind: 'field',
      relation: 'item',
      key: [id],
      column: 'text',
    })),
    ...numbers(channelsEach).map((channel): Subscription => ({
      kind: 'table',
      relation: 'item',
      where: { column: 'channel', op: 'eq', value: channel },
    })),
  ]
}

/** Every row and every channel that so many sessions follow is there. */
export function setupSql(role: string, sessions: number): string {
  const [rows, channels] = [sessions * rowsEach, sessions * channelsEach]
  return `
    create table item (id int generated always as identity primary key, channel int not null, text text not null);
    create index on item (channel);
    insert into item (channel, text) select n % greatest(${channels}, 1) + 1, 'hello ' || n from generate_series(1, ${rows}) as n;
    grant select on item to ${role};
    select event.track('item')`
}

export const changeSql = `insert into item (channel, text) values (${watchedChannel}, 'news ' || $1)`
