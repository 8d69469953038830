import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { Definition } from '../routing/definition.ts'
import { Connection, LiveSession, type GatewaySocket } from './connection.ts'
import { EncodedJson } from './encoded-json.ts'
import { nothing } from './missing.ts'

/** A socket of a client that takes nothing off. */
function stuckSocket() {
  const sent: string[] = []
  const conn = Object.assign(new EventEmitter(), { transport: {} })
  const socket = {
    conn,
    connected: true,
    data: { identity: { role: 'reader', claims: {} } },
    emit: (event: string) => sent.push(event),
    join: () => undefined,
    leave: () => undefined,
  }
  return { sent, socket: socket as unknown as GatewaySocket }
}

const batchOf = (length: number) => new EncodedJson(JSON.stringify('x'.repeat(length)))

test('who would get more than may wait is sent nothing that came meanwhile: it is given that later, and once', () => {
  const { sent, socket } = stuckSocket()
  const connection = new Connection(socket, new LiveSession('s'), nothing(), 1_000)
  connection.beginAt('1:1:')
  connection.emit('snapshot', batchOf(600))
  connection.keep(batchOf(600))

  expect(connection.joinAt('1:1:', 'e/1:1:')).toBe(false)
  expect(sent).toEqual(['snapshot', 'progress'])
  expect(connection.missing?.from).toBe('1:1:')
  expect(connection.isLive).toBe(false)
})

test('what came meanwhile is sent to who has room for it', () => {
  const { sent, socket } = stuckSocket()
  const connection = new Connection(socket, new LiveSession('s'), nothing(), 1_000)
  connection.beginAt('1:1:')
  connection.keep(batchOf(600))

  expect(connection.joinAt('1:1:', 'e/1:1:')).toBe(true)
  expect(sent).toEqual(['progress', 'batch'])
  expect(connection.isLive).toBe(true)
})

test('who shows something that was suspended meanwhile is told of no later position', () => {
  const { sent, socket } = stuckSocket()
  const connection = new Connection(socket, new LiveSession('s'), { ...nothing(), from: '1:1:' }, 1_000)
  connection.beginAt('2:2:')
  connection.suspend({ id: 'query:a' } as Definition)

  expect(connection.joinAt('2:2:', 'e/2:2:')).toBe(false)
  expect(sent).toEqual([])
  expect(connection.missing?.from).toBe('1:1:')
  connection.beginAt('3:3:')
  expect(connection.joinAt('3:3:', 'e/3:3:')).toBe(true)
  expect(sent).toEqual(['progress'])
})
