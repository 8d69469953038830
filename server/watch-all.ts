import type { EventLoopDelay } from './event-loop-delay.ts'
import type { Following } from './gateway/following.ts'
import type { LogReader } from './log/log-reader.ts'
import type { LogUpkeep } from './log/log-upkeep.ts'
import type { Metrics } from './metrics.ts'
import type { Pools } from './db/pools.ts'

interface Watched {
  readonly following: Following
  readonly reader: LogReader
  readonly logUpkeep: LogUpkeep
  readonly pools: Pools
  readonly eventLoop: EventLoopDelay
}

/** The figures that are looked up when somebody asks: what the parts of a server are at. Costs nothing until then. */
export function watchAll(
  metrics: Metrics,
  { following, reader, logUpkeep, pools, eventLoop }: Watched,
): void {
  metrics.watch('rowcast_feeds', 'Different things that are followed', () => following.feedCount)
  metrics.watch('rowcast_relations', 'Relations that are followed', () => following.relationCount)
  metrics.watch(
    'rowcast_reader_connected',
    '1 while the change log is being read',
    () => Number(reader.isConnected),
    { ofWorkers: 'min' },
  )
  metrics.watch('rowcast_reader_has_bell', '1 while it sleeps and writers ring for it', () =>
    Number(reader.hasBell),
  )
  metrics.watch(
    'rowcast_reader_behind_seconds',
    'Since the moment up to which everything committed has been handed on; up to 2 at rest',
    () => (performance.now() - reader.handedOnUpTo) / 1000,
    { ofWorkers: 'max' },
  )
  metrics.watch(
    'rowcast_log_bytes',
    'Of the change log on disk, a minute ago',
    () => logUpkeep.size?.bytes ?? NaN,
    { ofWorkers: 'max' },
  )
  metrics.watch(
    'rowcast_log_parts',
    'Of the change log that are in use, a minute ago',
    () => logUpkeep.size?.parts ?? NaN,
    { ofWorkers: 'max' },
  )
  const byPool = (figure: 'waitingCount' | 'totalCount') => () => ({
    app: pools.app[figure],
    sessions: pools.encoding[figure],
    snapshots: pools.snapshots[figure],
  })
  metrics.watch(
    'rowcast_pool_waiting',
    'Queries that wait for a database connection',
    byPool('waitingCount'),
    { label: 'pool' },
  )
  metrics.watch('rowcast_pool_connections', 'Database connections', byPool('totalCount'), { label: 'pool' })
  metrics.watch(
    'rowcast_event_loop_blocked_seconds',
    'How long the event loop was blocked since this was last asked; 1 is the longest',
    () => eventLoop.take(),
    { label: 'quantile', ofWorkers: 'max' },
  )
}
