import { RowcastError } from './errors.ts'

/**
 * A place in the history: `epoch/snapshot`, where snapshot is PostgreSQL's `pg_snapshot` as text,
 * `xmin:xmax:xip,…`. Clients keep it and hand it back; only the server looks inside.
 */
export type Position = string

export interface PositionParts {
  /** Changes whenever the database may have taken back what was seen, so that positions of before mean nothing. */
  readonly epoch: string
  readonly snapshot: string
}

const pattern = /^([0-9a-zA-Z_-]+)\/(\d+:\d+:(?:\d+(?:,\d+)*)?)$/

/** @throws {RowcastError} `invalid_position` when the text is no position. */
export function parsePosition(position: Position): PositionParts {
  const [, epoch, snapshot] = pattern.exec(position) ?? []
  if (epoch === undefined || snapshot === undefined)
    throw new RowcastError('invalid_position', `not a position: ${JSON.stringify(position)}`)
  return { epoch, snapshot }
}

export function formatPosition({ epoch, snapshot }: PositionParts): Position {
  return `${epoch}/${snapshot}`
}
