import type pg from 'pg'
import { readStates, type RelationInfo } from './catalogue.ts'

// A text for each relation, the same for all roles, that is another one as soon as anything of what makes its state has changed, but for what policies
// call or read by way of something else. Asked with each batch, so it adds up the transaction ids of catalogue rows, and looks into none.
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
         select w.xmin from pg_rewrite as w where d.class = 'pg_class'::regclass and w.ev_class = d.oid
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

/** What relations are to roles while their mark is this one. */
interface Version {
  readonly mark: string
  /** By role. */
  readonly states: Map<string, string | null>
}

/**
 * Says which relations are in another state than they were (`RelationInfo.state`), as of a transaction's snapshot. To work a state
 * out takes milliseconds, and it seldom changes: so it is done once for each version of the catalogue.
 */
export class RelationStates {
  readonly #latest = new Map<number, Version>()

  /** Of what relations were to roles, what is another thing now: also what is not tracked any more, or is gone. */
  async outdated(
    client: pg.ClientBase | pg.Pool,
    relations: readonly RelationInfo[],
  ): Promise<RelationInfo[]> {
    const { rows } = await client.query<{ id: number; mark: string }>({
      name: 'rowcast_rights_marks',
      text: marksSql,
      values: [[...new Set(relations.map(({ id }) => id))]],
    })
    const versions = new Map(rows.map(({ id, mark }) => [id, this.#version(id, mark)]))
    const unknown = relations.filter(({ id, role }) => versions.get(id)?.states.has(role) === false)
    if (unknown.length > 0) {
      const states = await readStates(client, unknown)
      unknown.forEach(({ id, role }, i) => versions.get(id)?.states.set(role, states[i] ?? null))
    }
    return relations.filter(({ id, role, state }) => versions.get(id)?.states.get(role) !== state)
  }

  /** What has changed without a mark of it is found next time. */
  forget(): void {
    this.#latest.clear()
  }

  #version(id: number, mark: string): Version {
    const latest = this.#latest.get(id)
    if (latest?.mark === mark) return latest
    const version = { mark, states: new Map<string, string | null>() }
    this.#latest.set(id, version)
    return version
  }
}
