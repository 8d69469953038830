import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from './connection.ts'

/** Between two looks at what has been taken off. */
const lookMs = 20
/** Those who keep up wait no longer for those who do not. */
const patienceMs = 200
/** Who takes nothing off for so long is given no more until it does. */
const stalledMs = 5_000

/**
 * Waits until connections can be sent more, so that nobody costs more memory than is allowed for one: at the
 * pace of those who keep up, or, if nobody else waits, at that of the slow as long as they move.
 *
 * @param isWaitedFor whether somebody waits but for these
 * @param linger asked for leave to take long
 * @returns those who do not keep up, and are to be sent no more now
 */
export async function pace(
  connections: Iterable<Connection>,
  isWaitedFor: (slow: readonly Connection[]) => boolean,
  linger: () => boolean,
): Promise<readonly Connection[]> {
  let slow = [...connections].filter((connection) => connection.isOpen && !connection.isDrained)
  const startedAt = performance.now()
  let movedAt = startedAt
  let waiting = sizeOf(slow)
  while (slow.length > 0) {
    await sleep(lookMs)
    slow = slow.filter((connection) => connection.isOpen && !connection.isDrained)
    const now = performance.now()
    if (now - startedAt > patienceMs && (isWaitedFor(slow) || !linger())) return slow
    if (sizeOf(slow) < waiting) movedAt = now
    waiting = sizeOf(slow)
    if (now - movedAt > stalledMs) return slow
  }
  return []
}

/** Waits until a connection has taken off what it was sent, or has gone. */
export async function drained(connection: Connection): Promise<void> {
  while (connection.isOpen && !connection.isDrained) await sleep(lookMs)
}

function sizeOf(connections: readonly Connection[]): number {
  return connections.reduce((sum, connection) => sum + connection.outbox.bytes, 0)
}
