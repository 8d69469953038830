import type pg from 'pg'
import { createEncodingPool, createPool, type Database } from './pool.ts'

/** The server's connections by what they are for, so that no kind of work keeps another waiting. */
export interface Pools {
  /** For the app's own code: nothing pinned. */
  readonly app: pg.Pool
  /** Sessions, and what subscriptions mean. */
  readonly encoding: pg.Pool
  /** Snapshots at batch boundaries. */
  readonly snapshots: pg.Pool
  close(): Promise<void>
}

export const snapshotConnections = 4
const encodingConnections = 4
/** Many may come at once, and each asks for little. */
const encodingWaitMs = 15_000
const appConnections = 10
/** The log's reader, and who listens for sessions that end. */
const singleConnections = 2

/** What one server takes at the most. */
export const connectionsPerServer =
  appConnections + encodingConnections + 2 * snapshotConnections + singleConnections

/** @param onError told of idle connections that break; node-postgres replaces them */
export function createPools(database: Database, onError: (error: Error) => void): Pools {
  const app = createPool(database, appConnections)
  const encoding = createEncodingPool(database, encodingConnections, encodingWaitMs)
  const snapshots = createEncodingPool(database, 2 * snapshotConnections)
  const all = [app, encoding, snapshots]
  for (const pool of all) pool.on('error', onError)
  // While one is in use its query fails, and is answered there; without a listener it would end the process. The others have one.
  app.on('connect', (client) => client.on('error', () => undefined))
  return {
    app,
    encoding,
    snapshots,
    close: async () => void (await Promise.all(all.map((pool) => pool.end()))),
  }
}
