import { quote } from '../server/routing/select.ts'
import { formatRelationId } from '../shared/identifiers.ts'
import type { Random } from './random.ts'

/** Types whose JSON is the same whoever writes it, and whose order JavaScript tells as PostgreSQL does. */
export type ColumnType = 'integer' | 'text' | 'boolean'

/** What policies read of a row. The columns for it have other names in other tables. */
export type Meaning = 'owner' | 'team' | 'level' | 'hidden'

export interface AuditColumn {
  readonly name: string
  readonly type: ColumnType
  /** Without one it is mere content: text that occurs nowhere else, by which a leak is told. */
  readonly means?: Meaning
}

export interface AuditTable {
  /** `schema.name`, as Rowcast writes it and as SQL reads it. */
  readonly relation: string
  readonly columns: readonly AuditColumn[]
  readonly key: readonly string[]
  readonly partitionedBy?: 'list' | 'hash'
  readonly partitions: readonly Partition[]
  /** Of a partition: its table. */
  readonly partitionOf?: string
  /** Whom teams consist of: policies of the other tables look it up. */
  readonly isMembership: boolean
}

/** Has policies and grants of its own, which hold for who names it. By itself nobody can follow it. */
export interface Partition {
  readonly relation: string
  /** As SQL. */
  readonly bounds: string
}

export const users = ['u1', 'u2', 'u3', 'u4'] as const
export const teams = ['t1', 't2', 't3'] as const
/** So few keys that transactions meet. */
export const ids = 7

/** Everybody may follow it; a row in it says that all that came before has arrived. */
export const markerRelation = 'public.audit_marker'

export function randomTables(random: Random): AuditTable[] {
  const membership: AuditTable = {
    relation: 'public.membership',
    columns: [
      { name: 'usr', type: 'text', means: 'owner' },
      { name: 'team', type: 'text', means: 'team' },
      { name: 'hidden', type: 'boolean', means: 'hidden' },
      { name: 'label', type: 'text' },
    ],
    key: ['usr', 'team'],
    ...partitioning('membership', random.chance(0.4) ? 'list' : undefined),
    isMembership: true,
  }
  return [membership, ...Array.from({ length: random.int(1, 3) }, (_, i) => randomTable(random, i))]
}

function randomTable(random: Random, i: number): AuditTable {
  const isOdd = random.chance(0.3) // names that want quotes
  const name = (plain: string, odd: string): string => (isOdd ? odd : plain)
  const team: AuditColumn = { name: name('team', 'Team of'), type: 'text', means: 'team' }
  const partitionedBy = random.chance(0.3) ? random.pick(['list', 'hash'] as const) : undefined
  // A partition's key is part of the primary key.
  const hasPair = partitionedBy === 'list' || random.chance(0.25)
  const table = name(`doc_${i}`, `Doc's "${i}" %s`)
  return {
    relation: inPublic(table),
    columns: [
      { name: 'id', type: 'integer' },
      team,
      { name: name('owner', 'constructor'), type: 'text', means: 'owner' },
      ...(random.chance(0.6) ? [{ name: 'level', type: 'integer', means: 'level' } as const] : []),
      ...(random.chance(0.6)
        ? [{ name: name('hidden', 'is"Hidden'), type: 'boolean', means: 'hidden' } as const]
        : []),
      { name: 'note', type: 'text' },
      { name: name('secret', 'Secret %'), type: 'text' },
    ],
    key: hasPair ? ['id', team.name] : ['id'],
    ...partitioning(table, partitionedBy),
    isMembership: false,
  }
}

function inPublic(relation: string): string {
  return formatRelationId({ schema: 'public', relation })
}

function partitioning(
  table: string,
  by: AuditTable['partitionedBy'],
): Pick<AuditTable, 'partitionedBy' | 'partitions'> {
  if (by === undefined) return { partitions: [] }
  const bounds =
    by === 'list'
      ? teams.map((team) => `in ('${team}')`)
      : [0, 1].map((remainder) => `with (modulus 2, remainder ${remainder})`)
  return {
    partitionedBy: by,
    partitions: bounds.map((of, i) => ({ relation: inPublic(`${table}_${i}`), bounds: of })),
  }
}

/** Tables, and each of their partitions as the table that it is to who names it. */
export function withPartitions(tables: readonly AuditTable[]): AuditTable[] {
  return tables.flatMap((table) => [
    table,
    ...table.partitions.map(({ relation }): AuditTable => ({
      ...table,
      relation,
      partitions: [],
      partitionOf: table.relation,
    })),
  ])
}

/** A table or, if it has any and as often as it is said, one of its partitions. */
export function tableOrPartition(random: Random, table: AuditTable, probability: number): AuditTable {
  const [, ...partitions] = withPartitions([table])
  return (random.chance(probability) && random.pick(partitions)) || table
}

/** Creates a table and has its changes captured. */
export function createTable(table: AuditTable, owner: string): string {
  const { relation, columns, key, partitions } = table
  const list = columns.map(({ name, type }) => `${quote(name)} ${type}`)
  const primary = `primary key (${key.map(quote).join(', ')})`
  return [
    `create table ${relation} (${list.join(', ')}, ${primary})${partitionBy(table)}`,
    ...partitions.map(
      (each) => `create table ${each.relation} partition of ${relation} for values ${each.bounds}`,
    ),
    ...withPartitions([table]).map((each) => `alter table ${each.relation} owner to ${owner}`),
    `select event.track('${relation.replaceAll("'", "''")}')`,
  ].join(';\n')
}

function partitionBy(table: AuditTable): string {
  const { partitionedBy } = table
  if (partitionedBy === undefined) return ''
  return ` partition by ${partitionedBy} (${partitionedBy === 'list' ? columnFor(table, 'team') : 'id'})`
}

/** The column of a table with this meaning, as SQL; undefined if it has none. */
export function columnFor(table: AuditTable, meaning: Meaning): string | undefined {
  const column = table.columns.find(({ means }) => means === meaning)
  return column && quote(column.name)
}
