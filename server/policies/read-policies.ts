import type pg from 'pg'

/** A policy as far as selecting goes. */
export interface Policy {
  readonly isPermissive: boolean
  /** SQL; every name in it is qualified, but for what is built in and the columns of the policy's own relation. */
  readonly condition: string
  /** What PostgreSQL says that it reads; a null column is the relation as such. A reference to a whole row is not in it. */
  readonly reads: readonly { readonly oid: number; readonly column: string | null }[]
  /** Functions that it calls, also by way of operators and casts, but for those in which nothing can be read: built in, or immutable ones in C. */
  readonly functions: readonly number[]
  /** It needs something of which more would have to be known: a domain, a collation, a text search configuration. */
  readonly hasOtherNeeds: boolean
}

/** A relation that policies protect or read, as it is to one role. */
export interface PolicedRelation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** As in `pg_class.relkind`. */
  readonly kind: string
  /** Its id among the tracked: of a partition, its partitioned table's. */
  readonly trackedId: number | null
  /** Of what is tracked: the columns of the primary key, in their order in a key. */
  readonly keyColumns: readonly string[]
  readonly isSecured: boolean
  readonly hasChildren: boolean
  /** The server's own user may read all of it. */
  readonly isOpenToServer: boolean
  readonly columns: ReadonlyMap<string, PolicedColumn>
  /** Sets of columns of which no two rows have the same values, but for nulls. */
  readonly uniqueKeys: readonly (readonly string[])[]
  /** Those that apply to the role; none if the relation is not secured. */
  readonly policies: readonly Policy[]
}

export interface PolicedColumn {
  readonly name: string
  readonly type: string
  readonly isGenerated: boolean
  /** A change of it is in the log: its relation is tracked, and it is not left out. */
  readonly isLogged: boolean
  /** Two texts are equal only if they are the same. */
  readonly isBytewise: boolean
  /** Its texts are not compared as the database compares them otherwise. */
  readonly hasOwnCollation: boolean
  /** The role may select it. */
  readonly isGranted: boolean
}

interface PolicyRecord extends Omit<Policy, 'reads' | 'functions'> {
  readonly reads: Policy['reads'] | null
  readonly functions: Policy['functions'] | null
}

/** The relation and all that the policies which apply to the role read, and the policies of those again, by oid. */
export async function readPolicies(
  client: pg.ClientBase | pg.Pool,
  oid: number,
  role: string,
): Promise<ReadonlyMap<number, PolicedRelation>> {
  const { rows } = await client.query(
    `select p.oid::int8::text as oid, p.schema, p.name, p.kind::text as kind, p.tracked_id as "trackedId", p.is_secured as "isSecured",
            p.has_children as "hasChildren",
            p.is_open as "isOpenToServer", p.columns, p.unique_keys as "uniqueKeys", p.policies,
            r.key_columns as "keyColumns"
       from event.policies($1, $2) as p left join event.tracked_relation as r on r.id = p.tracked_id`,
    [oid, role],
  )
  return new Map(
    rows.map((row): [number, PolicedRelation] => [
      Number(row.oid),
      {
        ...row,
        oid: Number(row.oid),
        keyColumns: row.keyColumns ?? [],
        columns: new Map(((row.columns ?? []) as PolicedColumn[]).map((column) => [column.name, column])),
        uniqueKeys: row.uniqueKeys ?? [],
        policies: ((row.policies ?? []) as PolicyRecord[]).map((policy) => ({
          ...policy,
          reads: policy.reads ?? [],
          functions: policy.functions ?? [],
        })),
      },
    ]),
  )
}
