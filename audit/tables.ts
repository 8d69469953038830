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
  /** Whom teams consist of: policies of the other tables look it up. */
  readonly isMembership: boolean
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
  return {
    relation: `public.doc_${i}`,
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
    ...(partitionedBy && { partitionedBy }),
    isMembership: false,
  }
}

/** Creates a table and has its changes captured. */
export function createTable({ relation, columns, key, partitionedBy }: AuditTable, owner: string): string {
  const list = columns.map(({ name, type }) => `${quote(name)} ${type}`)
  const primary = `primary key (${key.map(quote).join(', ')})`
  const create = `create table ${relation} (${list.join(', ')}, ${primary})`
  const statements = [
    create + partitioning(columns, partitionedBy),
    `alter table ${relation} owner to ${owner}`,
  ]
  if (partitionedBy === 'list')
    teams.forEach((team, i) =>
      statements.push(
        `create table ${relation}_${i} partition of ${relation} for values in ('${team}')`,
        `alter table ${relation}_${i} owner to ${owner}`,
      ),
    )
  if (partitionedBy === 'hash')
    for (const i of [0, 1])
      statements.push(
        `create table ${relation}_${i} partition of ${relation} for values with (modulus 2, remainder ${i})`,
        `alter table ${relation}_${i} owner to ${owner}`,
      )
  statements.push(`select event.track('${relation}')`)
  return statements.join(';\n')
}

function partitioning(columns: readonly AuditColumn[], by: AuditTable['partitionedBy']): string {
  if (by === undefined) return ''
  const column = by === 'hash' ? 'id' : (columns.find(({ means }) => means === 'team')?.name ?? 'team')
  return ` partition by ${by} (${quote(column)})`
}

/** The column of a table with this meaning, as SQL; undefined if it has none. */
export function columnFor(table: AuditTable, meaning: Meaning): string | undefined {
  const column = table.columns.find(({ means }) => means === meaning)
  return column && quote(column.name)
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
