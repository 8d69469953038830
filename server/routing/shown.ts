import type { KeyText } from '../../shared/change.ts'
import type pg from 'pg'
import type { Definition } from './definition.ts'
import type { Query } from './query.ts'
import { readAs } from './read-as.ts'
import { filteredSelect, selectByKey, type Select } from './select.ts'

/** Whether what a subscription shows depends on more than the relation: its feed has a window then. */
export function hasWindow(definition: Definition): boolean {
  return queryOf(definition) !== null || definition.relation.security !== null
}

export function queryOf(definition: Definition): Query | null {
  return definition.kind === 'table' ? definition.query : null
}

/** Of a column's or field's subscription: that column; else null, for all of them. */
export function columnOf(definition: Definition): string | null {
  return 'column' in definition ? definition.column : null
}

/** Selects `columns` (SQL over the alias `t`) of the rows that a subscription shows, in its order. */
export function selectShown(definition: Definition, columns: string, values: string[] = []): Select {
  const { relation } = definition
  if ('key' in definition) return selectByKey(relation, columns, definition.key, values)
  return filteredSelect(relation, queryOf(definition), columns, values)
}

/** Whether an index is likely to find what it shows: many such may be asked for in one question. */
export function isFoundByIndex(definition: Definition): boolean {
  return 'key' in definition || (queryOf(definition)?.equalities.length ?? 0) > 0
}

/**
 * The keys of the rows that subscriptions show now, each as its identity sees them and in its order. In one question.
 *
 * @param definitions of one meaning and one role: they differ only in who sees
 * @param atMost of more than so many rows, only that they are more is told: by one key more
 */
export async function readShown(
  client: pg.ClientBase,
  definitions: readonly Definition[],
  atMost = Infinity,
): Promise<Set<KeyText>[]> {
  const [first] = definitions
  if (!first) return []
  const { relation } = first
  const claims = definitions.map(({ sight }) => sight.claims)
  const { text, values } = selectShown(first, `${relation.keyExpression} as key, null::text as "row"`)
  const select = {
    text: atMost < Infinity ? `select * from (${text}) as s limit ${atMost + 1}` : text,
    values,
  }
  const shown = definitions.map(() => new Set<KeyText>())
  for (const { place, key } of await readAs(client, relation, claims, select)) shown[place]?.add(key)
  return shown
}

/**
 * The same of subscriptions that mean different things, to those who see the same of one relation.
 *
 * @param definitions of one relation in one state, and of one sight
 */
export async function readEachShown(
  client: pg.ClientBase,
  definitions: readonly Definition[],
  atMost: number,
): Promise<Set<KeyText>[]> {
  const [first] = definitions
  if (!first) return []
  const { relation, sight } = first
  const values: string[] = []
  const selects = definitions.map((definition, i) => {
    const { text } = selectShown(definition, `${relation.keyExpression} as key`, values)
    return `select q.key, '${i}' as "row" from (select s.key from (${text}) as s limit ${atMost + 1}) as q`
  })
  const shown = definitions.map(() => new Set<KeyText>())
  const select = { text: selects.join(' union all '), values }
  for (const { key, row } of await readAs(client, relation, [sight.claims], select))
    shown[Number(row)]?.add(key)
  return shown
}
