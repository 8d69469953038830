import pg from 'pg'
import { answerParent } from '../../test/child.ts'
import { now } from '../suite/clock.ts'
import { evenly } from '../suite/evenly.ts'
import { usage } from '../suite/usage.ts'
import type { Commit, Revocation } from './judge.ts'
import { bodyOf, channelOf, channelOfFirstMessage, messagesPerChannel } from './setting.ts'

// Writes at an even pace, whatever becomes of it. In a process of its own, so that it sees at once when a commit is done.

export interface WriteOptions {
  readonly changes: number
  readonly perSecond: number
  /** Only in the channels from 1 to this one. */
  readonly channels: number
}

const connections = 8
/** Ids of messages that are written while the bench runs begin after this. */
const firstNewId = 1_000_000

const clients: pg.Client[] = []
let lastChange = 0
let updated = 0
let deleted = 0
const deletedIn = new Map<number, number>()

async function connect(url: string): Promise<void> {
  for (let i = 0; i < connections + 1; i++) {
    const client = new pg.Client(url)
    await client.connect()
    clients.push(client)
  }
}

const updatesOfTwenty = [1, 6, 11]
const deletesOfTwenty = [16]

/** Of twenty changes sixteen insert, three update and one deletes. Updates and deletes take one channel after the other. */
function nextChange(channels: number): {
  commit: Omit<Commit, 'dueAt' | 'issuedAt' | 'at'>
  query: pg.QueryConfig
} {
  const change = ++lastChange
  if (deletesOfTwenty.includes(change % 20)) {
    const channel = 1 + (deleted++ % channels)
    const before = deletedIn.get(channel) ?? 0
    if (before === messagesPerChannel / 2)
      throw new Error(`nothing is left to be deleted in channel ${channel}`)
    deletedIn.set(channel, before + 1)
    const id = channel * messagesPerChannel - before
    return {
      commit: { change, op: 'row_delete', id, channel },
      query: { name: 'delete', text: 'delete from message where id = $1', values: [id] },
    }
  }
  if (updatesOfTwenty.includes(change % 20)) {
    // Each in its turn, so that none is updated again before its last update has arrived.
    const id =
      1 +
      (updated % channels) * messagesPerChannel +
      (Math.floor(updated / channels) % (messagesPerChannel / 2))
    updated++
    return {
      commit: { change, op: 'field_update', id, channel: channelOfFirstMessage(id) },
      query: {
        name: 'update',
        text: 'update message set body = $2 where id = $1',
        values: [id, bodyOf(change)],
      },
    }
  }
  const id = firstNewId + change
  const channel = 1 + ((change * 7919) % channels)
  return {
    commit: { change, op: 'row_insert', id, channel },
    query: {
      name: 'insert',
      text: 'insert into message (id, channel_id, author, body) values ($1, $2, $3, $4)',
      values: [id, channel, 1, bodyOf(change)],
    },
  }
}

/** Each commit is due at its moment: one that has to wait for a connection does not put off those after it. */
async function write({ changes, perSecond, channels }: WriteOptions): Promise<Commit[]> {
  const commits: Commit[] = []
  const idle = clients.slice(0, connections)
  const commitNext = async (_: number, dueAt: number) => {
    const client = idle.pop()
    if (!client) throw new Error('more is under way than there are connections')
    const { commit, query } = nextChange(channels)
    const issuedAt = now()
    await client.query(query)
    commits.push({ ...commit, dueAt, issuedAt, at: now() })
    idle.push(client)
  }
  await evenly(changes, perSecond, commitNext, connections)
  return commits
}

/** Takes users out of their channels, one after the other at an even pace. */
async function revoke({ users, perSecond }: { users: number[]; perSecond: number }): Promise<Revocation[]> {
  const client = revoker()
  const startAt = now()
  const revocations: Revocation[] = []
  for (const [i, user] of users.entries()) {
    await new Promise((resolve) => setTimeout(resolve, startAt + (i / perSecond) * 1000 - now()))
    await client.query({
      name: 'revoke',
      text: 'delete from member where channel_id = $1 and user_id = $2',
      values: [channelOf(user), user],
    })
    revocations.push({ user, at: now() })
  }
  return revocations
}

/** @returns when it was committed */
async function execute(sql: string): Promise<number> {
  await revoker().query(sql)
  return now()
}

function revoker(): pg.Client {
  const client = clients.at(-1)
  if (!client) throw new Error('not connected')
  return client
}

answerParent({ connect, write, revoke, execute, usage })
