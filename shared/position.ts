import { RowcastError } from './errors.ts'

/**
 * A place in the history: `epoch/snapshot`, where snapshot is PostgreSQL's `pg_snapshot` as text,
 * `xmin:xmax:xip,…`. Clients keep it and hand it back, and look no further than whether it goes back.
 */
export type Position = string

export interface PositionParts {
  /** Changes whenever the database may have taken back what was seen, so that positions of before mean nothing. */
  readonly epoch: string
  readonly snapshot: string
}

const pattern = /^([0-9a-zA-Z_-]+)\/((\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?))$/

/** @throws {RowcastError} `invalid_position` when the text is no position. */
export function parsePosition(position: Position): PositionParts {
  const [, epoch, snapshot, xmin = '', xmax = '', xip = ''] = pattern.exec(position) ?? []
  if (epoch === undefined || snapshot === undefined || !isSnapshot(xmin, xmax, xip))
    throw new RowcastError('invalid_position', `not a position: ${JSON.stringify(position.slice(0, 100))}`)
  return { epoch, snapshot }
}

/** PostgreSQL accepts no other: ids from 1 up, those in progress rising, from xmin to below xmax. */
function isSnapshot(xmin: string, xmax: string, xip: string): boolean {
  const ids = xip === '' ? [] : xip.split(',').map(BigInt)
  const [low, high] = [BigInt(xmin), BigInt(xmax)]
  return low > 0n && low <= high && ids.every((id, i) => id >= low && id < high && id > (ids[i - 1] ?? 0n))
}

/**
 * Whether a place lies before another on the way that the history takes. False for places of different epochs,
 * which have no order. Of two snapshots of one database, the later one has a higher xmax, or fewer still in progress.
 */
export function isBehind(position: Position, other: Position): boolean {
  const [a, b] = [pattern.exec(position), pattern.exec(other)]
  if (!a || !b || a[1] !== b[1]) return false
  const [[xmax, inProgress], [otherXmax, otherInProgress]] = [placeOf(a), placeOf(b)]
  return xmax < otherXmax || (xmax === otherXmax && inProgress > otherInProgress)
}

function placeOf([, , , , xmax = '', xip = '']: RegExpExecArray): [xmax: bigint, inProgress: number] {
  return [BigInt(xmax), xip === '' ? 0 : xip.split(',').length]
}

export function formatPosition({ epoch, snapshot }: PositionParts): Position {
  return `${epoch}/${snapshot}`
}
