import type pg from 'pg'
import { readStates, type RelationInfo } from './catalogue.ts'

/** What relations are to roles while their mark is this one. */
interface Version {
  readonly mark: string
  /** By role. */
  readonly states: Map<string, string | null>
}

/** A row of `event.relation_marks`. */
export interface RelationMark {
  readonly id: number
  readonly mark: string
}

/** Asks what `RelationStates.outdated` looks at first. */
export function marksSql(relationIds: Iterable<number>): string {
  return `select * from event.relation_marks('{${[...relationIds].join()}}')`
}

/**
 * Says which relations are in another state than they were (`RelationInfo.state`), as of a transaction's snapshot. To work a state
 * out takes milliseconds, and it seldom changes: so it is done once for each version of the catalogue.
 */
export class RelationStates {
  readonly #latest = new Map<number, Version>()

  /**
   * Of what relations were to roles, what is another thing now: also what is not tracked any more, or is gone.
   *
   * @param marks of these relations at least, if they have been asked for in this transaction already
   */
  async outdated(
    client: pg.ClientBase | pg.Pool,
    relations: readonly RelationInfo[],
    marks?: readonly RelationMark[],
  ): Promise<RelationInfo[]> {
    const present = marks ?? (await this.#read(client, new Set(relations.map(({ id }) => id))))
    const versions = new Map(present.map(({ id, mark }) => [id, this.#version(id, mark)]))
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

  async #read(
    client: pg.ClientBase | pg.Pool,
    relationIds: ReadonlySet<number>,
  ): Promise<readonly RelationMark[]> {
    if (relationIds.size === 0) return []
    return (await client.query<RelationMark>(marksSql(relationIds))).rows
  }

  #version(id: number, mark: string): Version {
    const latest = this.#latest.get(id)
    if (latest?.mark === mark) return latest
    const version = { mark, states: new Map<string, string | null>() }
    this.#latest.set(id, version)
    return version
  }
}
