import { readerRole } from './authenticate.ts'
import type { SignedInCall } from './routes.ts'

export interface TrackedRelation {
  /** `schema.name`, as subscriptions take it. */
  readonly relation: string
  readonly key: readonly string[]
  readonly columns: readonly string[]
}

/** The tables that can be watched, with the columns that the reader may select. */
export async function listTrackedRelations({ pool }: SignedInCall): Promise<TrackedRelation[]> {
  const { rows } = await pool.query<TrackedRelation>(
    `select format('%I.%I', n.nspname, c.relname) as relation, t.key_columns as key,
            array_agg(a.attname::text order by a.attnum) as columns
     from event.tracked_relation as t
     join pg_catalog.pg_class as c on c.oid = t.oid
     join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where pg_catalog.has_column_privilege($1, c.oid, a.attnum, 'select')
       and pg_catalog.has_schema_privilege($1, n.oid, 'usage')
     group by n.nspname, c.relname, t.key_columns
     order by n.nspname, c.relname`,
    [readerRole],
  )
  return rows
}
