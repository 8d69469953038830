import { io } from 'socket.io-client'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { startRowcast } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'

test('who does not leave is waited for no longer than was said, and nobody is let in', async () => {
  await using database = await createTestDatabase()
  await using server = await startRowcast(database)
  await using stubborn = new TestSocket(server.url)
  await stubborn.attach()
  const told = new Promise((resolve) => stubborn.socket.on('leave', resolve))

  const drained = server.rowcast.drain(500)
  expect(server.rowcast.health().status).toBe('draining')
  expect(await told).toEqual({ withinMs: 400 })
  const late = io(server.url, { path: '/rowcast', transports: ['websocket'], reconnection: false })
  await new Promise((resolve) => late.once('connect_error', resolve))
  await drained
  expect(stubborn.socket.connected).toBe(true)
  await server.rowcast.close()
  expect(server.rowcast.health().status).toBe('draining')
})

test.for([2 ** 31, Infinity])(
  'a server that may wait for %s ms waits until all have left',
  async (withinMs) => {
    await using database = await createTestDatabase()
    await using server = await startRowcast(database)
    await using staying = new TestSocket(server.url)
    await staying.attach()
    let isDrained = false
    const drained = server.rowcast.drain(withinMs).then(() => (isDrained = true))
    const { withinMs: toldMs } = await staying.next('leave')
    expect(toldMs).toBeGreaterThan(3_600_000)
    for (let i = 0; i < 20; i++) expect(await staying.request('ack', {})).toMatchObject({ ok: false })
    expect(isDrained).toBe(false)
    staying.socket.disconnect()
    await drained
  },
)

test('a server that serves nobody need not be waited for', async () => {
  await using database = await createTestDatabase()
  await using server = await startRowcast(database)
  await server.rowcast.drain(3_600_000)
})
