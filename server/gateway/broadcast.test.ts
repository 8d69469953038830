import { expect, test } from 'vitest'
import type { Pass } from '../log/log-reader.ts'
import type { Definition } from '../routing/definition.ts'
import { Broadcast, type BroadcastParts } from './broadcast.ts'
import { LiveSession, type Connection, type GatewayServer } from './connection.ts'
import { Following } from './following.ts'

const relation = { id: 1, name: 'public.t', role: 'reader', visible: null, security: null, keyColumns: [] }
const sight = { name: 'reader', role: 'reader', claims: '{}', values: [] }
const tableOf = { id: 'table:public.t', kind: 'table', relation, query: null, sight } as unknown as Definition
const rowOf = { id: 'row:public.t:[1]', kind: 'row', relation, key: '[1]', sight } as unknown as Definition

/** @param sent where its socket notes what it is handed */
function connectionOf(id: string, sent: string[] = []): Connection {
  const session = new LiveSession(id)
  const audience = session.audienceOf({ role: 'reader', claims: {} })
  const connection = {
    session,
    audience,
    feeds: new Map(),
    wanted: new Map(),
    isLive: true,
    isOpen: true,
    socket: {
      connected: true,
      conn: { write: (packet: string) => sent.push(`${eventOf(packet)} to ${id}`) },
    },
    count: () => undefined,
  } as unknown as Connection
  session.connections.add(connection)
  audience.connections.add(connection)
  return connection
}

function eventOf(packet: string): string {
  return (JSON.parse(packet.slice(1)) as [event: string])[0]
}

/** @param told where it notes what all are told */
function ioOf(told: string[] = []): GatewayServer {
  const io = { engine: { clientsCount: 4 }, to: () => ({ emit: (event: string) => told.push(event) }) }
  return io as unknown as GatewayServer
}

const pass = (key: string): Pass => ({
  startedAt: 0,
  epoch: 'e',
  from: '1:1:',
  to: '2:2:',
  transactions: [{ id: '1', at: '', rows: [{ op: 'row_insert', relationId: 1, key, new: '{"id":1}' }] }],
  heavy: [],
  aside: [],
  client: undefined as never, // plain feeds ask nobody
  exportSnapshot: () => Promise.reject(new Error('not needed')),
})

function broadcastOf({
  io,
  ...parts
}: Pick<BroadcastParts, 'io' | 'following'> & Partial<BroadcastParts>): Broadcast {
  return new Broadcast({
    io: Object.assign(io, { of: () => ({ adapter: { rooms: new Map() }, sockets: new Map() }) }),
    metrics: { sent: () => undefined },
    fallBehind: () => undefined,
    expire: () => undefined,
    verify: () => Promise.resolve(),
    settle: () => Promise.reject(new Error('not needed')),
    wake: () => undefined,
    ...parts,
  })
}

test('sessions are sent what concerns them, and a change that concerns nobody is not sent', async () => {
  const sent: string[] = []
  const following = new Following()
  for (const id of ['a', 'b', 'c']) following.follow(connectionOf(id, sent), tableOf, new Set())
  following.follow(connectionOf('d', sent), rowOf, new Set())
  const broadcast = broadcastOf({ io: ioOf(), following })

  await broadcast.deliver(pass('[2]'))
  expect(sent.splice(0)).toEqual(['batch to a', 'batch to b', 'batch to c'])
  await broadcast.deliver(pass('[1]'))
  expect(sent).toEqual(['batch to a', 'batch to b', 'batch to c', 'batch to d'])
})

test('while many are sent a batch others have their turn, and each is sent it once, whatever happens meanwhile', async () => {
  const sent: string[] = []
  const following = new Following()
  const names = ['first', 'moves', 'leaves', 'is late', 'joins', 'falls behind', 'is gone', 'last']
  const connections = names.map((name) => connectionOf(name, sent))
  for (const connection of connections) following.follow(connection, tableOf, new Set())
  const [first, moves, leaves, late, joins, behind, gone] = connections as [Connection, ...Connection[]]
  const kept: string[] = []
  for (const connection of [late, joins])
    Object.assign(connection as object, {
      isLive: false,
      keep: () => kept.push(connection?.session.id ?? ''),
    })
  Object.assign(behind as object, { keep: () => kept.push('falls behind') })
  const meanwhile = () => {
    sent.push('others')
    // It goes on with other claims that see the same; those of its session that have these are others.
    moves?.audience.connections.delete(moves)
    moves?.session.audienceOf({ role: 'reader', claims: { as: 'other' } }).connections.add(moves)
    if (leaves) following.unfollow(leaves, tableOf.id)
    Object.assign(joins as object, { isLive: true })
    Object.assign(behind as object, { isLive: false })
    Object.assign(gone as object, { isOpen: false })
  }
  const write = first.socket.conn.write.bind(first.socket.conn)
  first.socket.conn.write = (...args) => {
    setImmediate(meanwhile)
    const startedAt = performance.now()
    while (performance.now() - startedAt < 20);
    return write(...args)
  }

  await broadcastOf({ io: ioOf(), following }).deliver(pass('[2]'))
  expect(sent).toEqual(['batch to first', 'others', 'batch to moves', 'batch to joins', 'batch to last'])
  expect(kept).toEqual(['is late', 'falls behind']) // which has no backlog, and is given it later
})

test('who goes over to another state of a relation while a batch is worked out is sent it', async () => {
  const sent: string[] = []
  const following = new Following()
  const a = connectionOf('a', sent)
  const filtered = {
    ...tableOf,
    id: 'filtered',
    query: { columns: new Set(), equalities: [], orderBy: [] },
  } as unknown as Definition
  following.follow(a, tableOf, new Set())
  following.follow(connectionOf('b'), filtered, new Set())
  const granted = { ...tableOf, relation: { ...relation, state: 'granted' } } as unknown as Definition
  const client = {
    query: () => {
      following.follow(a, granted, new Set())
      return Promise.resolve({ rows: [] })
    },
  } as unknown as Pass['client']
  const broadcast = broadcastOf({ io: ioOf(), following })

  await broadcast.deliver({ ...pass('[1]'), client })
  expect(sent).toEqual(['batch to a'])
})

test('whose time is over while a batch is worked out is not sent it', async () => {
  const sent: string[] = []
  const following = new Following()
  const [a, b] = [connectionOf('a', sent), connectionOf('b', sent)]
  for (const connection of [a, b]) following.follow(connection, tableOf, new Set())
  const broadcast = broadcastOf({
    io: ioOf(),
    following,
    expire: () => following.unfollow(a, tableOf.id),
  })

  await broadcast.deliver(pass('[1]'))
  expect(sent).toEqual(['batch to b'])
})

test('who is to be given something afresh is sent nothing, and told of no later position, before that', async () => {
  const events: string[] = []
  const following = new Following()
  const a = Object.assign(connectionOf('a', events), {
    suspend: () => events.push('a is suspended'),
  })
  for (const definition of [tableOf, rowOf]) following.follow(a, definition, new Set())
  const broadcast = broadcastOf({
    io: ioOf(events),
    following,
    fallBehind: (_connection, from) => void events.push(`behind from ${from}`),
    verify: () => Promise.resolve(following.interrupt(a, tableOf)),
  })

  await broadcast.deliver(pass('[1]'))
  expect(events.slice(0, 2)).toEqual(['a is suspended', 'behind from 1:1:'])
})

test('what is to be told though nobody has written anything is told at a position where nobody stands yet', async () => {
  const events: string[] = []
  const following = new Following()
  const security = { isOpaque: false, dependencies: new Map(), unobserved: [], columns: new Set() }
  const secured = { ...tableOf, relation: { ...relation, security } } as unknown as Definition
  following.follow(connectionOf('a', events), secured, new Set(['[1]']))
  const client = {
    query: (asked: string | object) => {
      if (typeof asked === 'string' && !asked.includes('savepoint')) events.push(asked)
      return Promise.resolve({ rows: [] }) // nobody sees anything any more
    },
  } as unknown as Pass['client']
  const broadcast = broadcastOf({ io: ioOf(), following, wake: () => events.push('wake') })

  following.unsettle(1)
  await broadcast.deliver({ ...pass('[1]'), transactions: [], from: '2:2:', client })
  expect(events).toEqual(['select pg_current_xact_id()', 'wake'])
  await broadcast.deliver({ ...pass('[1]'), transactions: [], from: '2:2:', to: '3:3:', client })
  expect(events.slice(2)).toEqual(['batch to a'])
})

test('who has been told that what he shows may be out of date goes on when a pass can be handed on, and not before', async () => {
  const events: string[] = []
  const following = new Following()
  following.follow(connectionOf('a', events), tableOf, new Set())
  let isBroken = true
  const verify = () => (isBroken ? Promise.reject(new Error('nobody answers')) : Promise.resolve())
  const broadcast = broadcastOf({ io: ioOf(events), following, verify })

  broadcast.pause()
  await expect(broadcast.deliver(pass('[1]'))).rejects.toThrow('nobody answers')
  broadcast.pause()
  expect(events).toEqual(['catch_up'])
  isBroken = false
  await broadcast.deliver(pass('[1]'))
  expect(events.slice(1, 3)).toEqual(['progress', 'batch to a'])
})
