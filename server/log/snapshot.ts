/** A `pg_snapshot`, taken apart: what had committed at one moment. */
export interface Snapshot {
  readonly xmin: bigint
  readonly xmax: bigint
  /** Below `xmax`, and running still. */
  readonly running: ReadonlySet<bigint>
}

/** @param text as PostgreSQL writes it: `xmin:xmax:xip,…` */
export function parseSnapshot(text: string): Snapshot {
  const [xmin = '', xmax = '', running = ''] = text.split(':')
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    running: new Set(running === '' ? [] : running.split(',').map(BigInt)),
  }
}

/** Its `xmin` alone, however many were running. */
export function xminOf(text: string): bigint {
  return BigInt(text.slice(0, text.indexOf(':')))
}

export function formatSnapshot({ xmin, xmax, running }: Snapshot): string {
  return `${xmin}:${xmax}:${[...running].sort((a, b) => (a < b ? -1 : 1)).join(',')}`
}

/** Whether a transaction that has committed by now had committed then. */
export function isVisibleIn({ xmax, running }: Snapshot, xid: bigint): boolean {
  return xid < xmax && !running.has(xid)
}

/** The snapshot that shows only what all of these show. At least one must be given. */
export function commonSnapshot(snapshots: readonly Snapshot[]): Snapshot {
  const xmax = snapshots.map((snapshot) => snapshot.xmax).reduce((a, b) => (a < b ? a : b))
  const running = new Set(snapshots.flatMap((snapshot) => [...snapshot.running]).filter((xid) => xid < xmax))
  return { xmin: [...running].reduce((a, b) => (a < b ? a : b), xmax), xmax, running }
}
