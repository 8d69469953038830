import pg from 'pg'
import { answerParent } from '../../test/child.ts'
import { now } from '../suite/clock.ts'
import { evenly } from '../suite/evenly.ts'
import { usage } from '../suite/usage.ts'

// Writes at an even pace over one connection, in a process of its own, so that it sees at once when a commit is done.

export interface PaceOptions {
  /** One statement, which may have `$1`: the number of the commit, from 0. */
  readonly sql: string
  readonly commits: number
  readonly perSecond: number
}

let client: pg.Client

async function connect(database: string): Promise<void> {
  client = new pg.Client(database)
  await client.connect()
}

/** @returns when each commit was done, in their order */
async function pace({ sql, commits, perSecond }: PaceOptions): Promise<number[]> {
  const times: number[] = []
  const write = async (i: number) => {
    await client.query({ name: sql, text: sql, values: sql.includes('$1') ? [i] : [] })
    times.push(now())
  }
  await evenly(commits, perSecond, write, 1)
  return times
}

answerParent({ connect, pace, usage })
