import type { Subscription } from '../shared/subscription.ts'
import type { WorldTable } from './records.ts'

export interface WorkloadSize {
  readonly accounts: number
  readonly items: number
  /** Rows of `crowd`, which one transaction changes all of, often. */
  readonly crowd: number
  /** The same of `bulk`, now and then. */
  readonly bulk: number
}

export const fullSize: WorkloadSize = { accounts: 40, items: 150, crowd: 3_000, bulk: 50_000 }
export const smallSize: WorkloadSize = { accounts: 20, items: 60, crowd: 1_000, bulk: 10_000 }

/** The role that clients have: it may read, and that is all. */
export const clientRole = 'page'

/**
 * Transactions move money between accounts, add to the ledger (and take its old entries away), make, change
 * and remove items, and change every row of `crowd` or `bulk` at once. `written` says which transactions have
 * committed, for writers that were not told.
 */
export function schemaSql(size: WorkloadSize): string {
  return `
    create table account (id int primary key, balance int not null);
    create table ledger (writer text, n int, amount int not null, primary key (writer, n));
    create table item (id int primary key, team int not null, score int not null, label text not null);
    create table crowd (id int primary key, generation int not null);
    create table bulk (id int primary key, generation int not null);
    create table written (id uuid primary key);
    insert into account select i, 1000 from generate_series(1, ${size.accounts}) as i;
    insert into item select -i, i % 4, i * 7 % 100, 'first ' || i from generate_series(1, ${size.items}) as i;
    insert into crowd select i, 0 from generate_series(1, ${size.crowd}) as i;
    insert into bulk select i, 0 from generate_series(1, ${size.bulk}) as i;
    select event.track(t) from unnest(array['account', 'ledger', 'item', 'crowd', 'bulk']::regclass[]) as t;
    create role ${clientRole} nologin;
    grant select on account, ledger, item, crowd, bulk to ${clientRole};`
}

export const tables: readonly Omit<WorldTable, 'rows'>[] = [
  { relation: 'public.account', key: ['id'], constantSum: 'balance' },
  { relation: 'public.ledger', key: ['writer', 'n'] },
  { relation: 'public.item', key: ['id'] },
  { relation: 'public.crowd', key: ['id'], equal: 'generation' },
  { relation: 'public.bulk', key: ['id'], equal: 'generation' },
]

/** What every client follows all the time. */
export const alwaysFollowed = {
  accounts: { kind: 'table', relation: 'account' },
  ledger: { kind: 'table', relation: 'ledger' },
} as const satisfies Record<string, Subscription>

/** What a page shows besides. */
export const shownByPages = {
  balances: { kind: 'column', relation: 'account', column: 'balance' },
  best: {
    kind: 'table',
    relation: 'item',
    orderBy: [{ column: 'score', direction: 'desc' }],
    limit: 10,
  },
} as const satisfies Record<string, Subscription>

/** What clients begin and cease to follow, by the names that the records have for it. */
export const followedAtTimes: Readonly<Record<string, Subscription>> = {
  ...shownByPages,
  items: { kind: 'table', relation: 'item' },
  rich: { kind: 'table', relation: 'account', where: { column: 'balance', op: 'gte', value: 1000 } },
  poorest: {
    kind: 'table',
    relation: 'account',
    orderBy: [{ column: 'balance', direction: 'asc' }],
    limit: 5,
  },
  team: { kind: 'table', relation: 'item', where: { column: 'team', op: 'eq', value: 2 } },
  contenders: {
    kind: 'table',
    relation: 'item',
    where: {
      or: [
        { column: 'score', op: 'gt', value: 80 },
        {
          and: [
            { column: 'team', op: 'in', value: [0, 1] },
            { column: 'score', op: 'lt', value: 20 },
          ],
        },
      ],
    },
    orderBy: [
      { column: 'team', direction: 'asc' },
      { column: 'score', direction: 'desc' },
    ],
  },
  youngest: {
    kind: 'table',
    relation: 'item',
    where: { column: 'score', op: 'lt', value: 60 },
    orderBy: [{ column: 'id', direction: 'desc' }],
    limit: 50,
  },
  first_account: { kind: 'row', relation: 'account', key: [1] },
  no_account: { kind: 'row', relation: 'account', key: [-1] },
  second_balance: { kind: 'field', relation: 'account', key: [2], column: 'balance' },
  labels: { kind: 'column', relation: 'item', column: 'label' },
  crowd: { kind: 'table', relation: 'crowd' },
  crowd_row: { kind: 'row', relation: 'crowd', key: [17] },
  crowd_top: {
    kind: 'table',
    relation: 'crowd',
    orderBy: [{ column: 'generation', direction: 'desc' }],
    limit: 20,
  },
  bulk_field: { kind: 'field', relation: 'bulk', key: [4711], column: 'generation' },
}

/** Followed by a few only: 50,000 rows in every client would be a measure of this machine's memory. */
export const followedByFew: Readonly<Record<string, Subscription>> = {
  bulk: { kind: 'table', relation: 'bulk' },
}
