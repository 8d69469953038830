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
 * pace of those who keep up, or, if there is only one, at its own as long as it moves.
 *
 * @param linger asked for leave when a slow one takes longer than others should wait for
 * @returns those who do not keep up, and are to be sent no more now
 */
export async function pace(
  connections: Iterable<Connection>,
  linger: () => boolean,
): Promise<readonly Connection[]> {
  const open = [...connections].filter((connection) => connection.isOpen)
  let full = open.filter((connection) => connection.isSlow)
  if (full.length === 0) return []
  const startedAt = performance.now()
  let movedAt = startedAt
  let waiting = sizeOf(full)
  for (;;) {
    await sleep(lookMs)
    full = full.filter((connection) => connection.isOpen && !connection.isDrained)
    if (full.length === 0) return []
    const now = performance.now()
    const isShared = open.some((connection) => connection.isOpen && !full.includes(connection))
    if (now - startedAt > patienceMs && (isShared || !linger())) return full
    if (sizeOf(full) < waiting) movedAt = now
    waiting = sizeOf(full)
    if (now - movedAt > stalledMs) return full
  }
}

/** Waits until a connection has taken off what it was sent, or has gone. */
export async function drained(connection: Connection): Promise<void> {
  while (connection.isOpen && !connection.isDrained) await sleep(lookMs)
}

function sizeOf(connections: readonly Connection[]): number {
  return connections.reduce((sum, connection) => sum + connection.outbox.bytes, 0)
}
