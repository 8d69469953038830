import type pg from 'pg'
import { readStates } from './catalogue.ts'

/** Marks that are remembered, at the most. */
const maxKnown = 1_000

// A text for each relation that is another one as soon as anything of what makes its state has changed, but for what policies
// call by way of something else. Asked with each batch, so it adds up the transaction ids of catalogue rows, and looks into none.
const marksSql = `
  with
    relation as materialized (
      select r.id, r.oid, r.xmin as tracked, c.xmin as class, n.xmin as namespace, c.relrowsecurity as is_secured
        from event.tracked_relation as r
        join pg_class as c on c.oid = r.oid
        join pg_namespace as n on n.oid = c.relnamespace
       where r.id = any ($1)
    ),
    -- Whatever is secured: a policy may read a table that has policies.
    policed as materialized (
      select p.xmin from pg_policy as p where exists (select from relation as r where r.is_secured)
      union all
      select x.xmin
        from (
          select distinct d.refclassid as class, d.refobjid as oid from pg_depend as d
           where d.classid = 'pg_policy'::regclass and exists (select from relation as r where r.is_secured)
        ) as d
       cross join lateral (
         select c.xmin from pg_class as c where d.class = 'pg_class'::regclass and c.oid = d.oid
         union all
         select a.xmin from pg_attribute as a where d.class = 'pg_class'::regclass and a.attrelid = d.oid and a.attnum > 0
         union all
         select f.xmin from pg_proc as f where d.class = 'pg_proc'::regclass and f.oid = d.oid
       ) as x
    ),
    -- Their rows say whom nothing is hidden from; they do not show which transaction wrote them.
    special as materialized (
      select md5(string_agg(concat_ws(' ', o.oid, o.rolsuper, o.rolbypassrls, o.rolinherit), ' ' order by o.oid)) as roles
        from pg_roles as o where o.rolsuper or o.rolbypassrls or not o.rolinherit
    ),
    mark as (
      select r.id, x.xmin::text::bigint as xid
        from relation as r
       cross join lateral (
         select r.tracked union all select r.class union all select r.namespace
         union all
         select a.xmin from pg_attribute as a where a.attrelid = r.oid and a.attnum > 0
         union all
         select m.xmin from pg_auth_members as m
         union all
         select p.xmin from policed as p where r.is_secured
       ) as x (xmin)
    )
  select m.id, concat_ws(' ', count(*), sum(m.xid), (select s.roles from special as s)) as mark from mark as m group by m.id`

/**
 * The states of relations (`RelationInfo.state`), as of a transaction's snapshot. To work one out takes milliseconds, and it seldom
 * changes: so it is done once for each version of the catalogue.
 */
export class RelationStates {
  /** By relation and mark. */
  readonly #known = new Map<string, string>()

  /** By the relations' ids. What is not tracked any more, or is gone, is not in it. */
  async read(client: pg.ClientBase | pg.Pool, relationIds: readonly number[]): Promise<Map<number, string>> {
    const { rows } = await client.query<{ id: number; mark: string }>({
      name: 'rowcast_rights_marks',
      text: marksSql,
      values: [relationIds],
    })
    const names = new Map(rows.map(({ id, mark }) => [id, `${id} ${mark}`]))
    const unknown = [...names].flatMap(([id, name]) => (this.#known.has(name) ? [] : [id]))
    if (unknown.length > 0) {
      if (this.#known.size > maxKnown) this.#known.clear()
      for (const [id, state] of await readStates(client, unknown)) this.#known.set(names.get(id) ?? '', state)
    }
    return new Map(
      [...names].flatMap(([id, name]): [number, string][] => {
        const state = this.#known.get(name)
        return state === undefined ? [] : [[id, state]]
      }),
    )
  }

  /** What has changed without a mark of it is found next time. */
  forget(): void {
    this.#known.clear()
  }
}
