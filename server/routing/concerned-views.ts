import type { Row, Value } from '../../shared/change.ts'
import type { LogRow } from '../log/read-log.ts'
import { addTo, deleteFrom } from './multimap.ts'
import type { Dependency, DependencyKey } from '../policies/row-security.ts'
import type { View } from './window-index.ts'

/** The views of an aspect by the values of a claim: those whom a row concerns that names one of these. */
export class ViewsByClaim {
  readonly #views = new Map<number, Map<string, Set<View>>>()
  /** Their claims have no values, since PostgreSQL refuses to work these out. */
  readonly #always = new Set<View>()

  /** @param claims the places of those by which views are looked up */
  constructor(claims: Iterable<number>) {
    for (const claim of claims) this.#views.set(claim, new Map())
  }

  add(view: View): void {
    const { values } = view.sight
    if (!values) this.#always.add(view)
    for (const [claim, views] of this.#views) {
      const value = values?.[claim] ?? null
      if (value !== null) addTo(views, value, view) // nothing is equal to null
    }
  }

  delete(view: View): void {
    this.#always.delete(view)
    for (const [claim, views] of this.#views) {
      const value = view.sight.values?.[claim] ?? null
      if (value !== null) deleteFrom(views, value, view)
    }
  }

  /** Undefined if any may be concerned. */
  concernedBy(row: LogRow, { columns, key }: Dependency): Iterable<View> | undefined {
    const fields = parse(row.new)
    if (row.op === 'field_update' && columns && !Object.keys(fields).some((column) => columns.has(column)))
      return []
    const views = key && this.#views.get(key.claim)
    const values = key && valuesIn(row, fields, key)
    if (!views || !values) return undefined
    return [...this.#always, ...values.flatMap((value) => [...(views.get(String(value)) ?? [])])]
  }
}

/** Which values the row has had in a column, before the change and after it; undefined if that is not known. */
function valuesIn(row: LogRow, fields: Row, { column, place }: DependencyKey): Value[] | undefined {
  if (place !== null) return [(JSON.parse(row.key) as Value[])[place] ?? null] // whose key changes is deleted and inserted
  const values = [fields[column], parse(row.old)[column]].filter((value) => value !== undefined)
  // Of a field_update both are there, or neither.
  return values.length > 0 ? values : undefined
}

function parse(text: string | null | undefined): Row {
  return text == null ? {} : (JSON.parse(text) as Row)
}
