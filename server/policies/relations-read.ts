import type pg from 'pg'

/** A relation of the application's that a transaction has read. */
export interface RelationRead {
  readonly oid: number
  readonly name: string
  /** Its id among the tracked: of a partition, its partitioned table's. Null if no log tells of it. */
  readonly trackedId: number | null
  /** Of some columns no log tells, though it is tracked: they are left out. */
  readonly hasUnlogged: boolean
}

const sql = `
  select c.oid::int8::text as oid, format('%I.%I', n.nspname, c.relname) as name, r.id as "trackedId",
         coalesce(event.excepted_columns(r.oid) <> '{}', false) as "hasUnlogged"
    from pg_locks as l
    join pg_class as c on c.oid = l.relation
    join pg_namespace as n on n.oid = c.relnamespace
    left join event.tracked_relation as r on r.oid = c.oid or r.oid in (select a.relid from pg_partition_ancestors(c.oid) as a)
   where l.pid = pg_backend_pid() and l.locktype = 'relation'
     and l.database = (select d.oid from pg_database as d where d.datname = current_database())
     and c.relkind in ('r', 'p', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'event', 'meta')
   order by c.oid`

/**
 * The relations that the open transaction has read so far, by whatever way: a policy's functions and views are among them.
 * PostgreSQL locks what it reads until the transaction ends, and so it can tell.
 */
export async function relationsRead(client: pg.ClientBase): Promise<RelationRead[]> {
  const { rows } = await client.query({ name: 'rowcast_relations_read', text: sql })
  return rows.map((row) => ({ ...row, oid: Number(row.oid) }))
}
