/** One row of the 100,000. */
export type Item = {
  readonly id: number
  readonly score: number
  readonly team: number
  readonly name: string
  readonly text: string
}

export function itemOf(id: number): Item {
  return { id, score: id, team: id % 100, name: `item ${id}`, text: 'x'.repeat(50) }
}

/** What a page shows of its rows. */
export interface Setting {
  /** `update item set score = …`: by the id, from 1 to this. */
  readonly rows: number
  readonly shows: Shows
  /** Of single rows. */
  readonly listeners: number
  /** Of the rows that have listeners, so many are updated, in turn. */
  readonly updated: number
}

/**
 * `rows`: single rows, spread evenly, each with a listener that reads its row. `first 50`: a list in the order of the scores, read
 * whenever it changes. `sorted` and `table`: all rows, in that order or in none, of which each time only the result is taken, as
 * React does after each commit; with `, read`, the rows of it as well, as a component does when it renders.
 */
export type Shows = 'rows' | 'first 50' | 'sorted' | 'sorted, read' | 'table' | 'table, read'

export const listLength = 50

export interface Update {
  readonly id: number
  readonly score: number
}

export interface Work {
  readonly messages: number
  /** Each of another row. */
  readonly updatesEach: number
}
