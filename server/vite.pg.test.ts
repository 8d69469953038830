import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import { io, type Socket } from 'socket.io-client'
import { createServer, preview, type InlineConfig } from 'vite'
import { expect, test, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'
import { temporaryFolder } from '../test/temporary-folder.ts'
import { rowcast } from './vite.ts'

test('the dev server keeps its own socket beside those of Rowcast', async () => {
  await using database = await createTestDatabase()
  await using project = await temporaryFolder({ 'index.html': '<p>the page</p>' })
  const server = await createServer(config(project.path, rowcast({ database: database.url })))
  await server.listen(0)
  const url = server.resolvedUrls?.local[0] ?? ''

  const [answer, hot] = await upgrade(`${url}?token=${server.config.webSocketToken}`, 'vite-hmr')
  expect(answer.headers['sec-websocket-protocol']).toBe('vite-hmr')
  const socket = io(url, { path: '/rowcast', transports: ['websocket'] })
  await connected(socket)
  expect(hot.destroyed).toBe(false)
  hot.destroy()
  socket.close()
  await server.close()
})

test('the preview server has Rowcast, too, and closes it', async () => {
  await using database = await createTestDatabase()
  await using project = await temporaryFolder({ 'dist/index.html': '<p>the page</p>' })
  const plugin = rowcast({ database: database.url })
  const server = await preview(config(project.path, plugin))
  const url = server.resolvedUrls?.local[0] ?? ''

  expect(await fetch(url).then((answer) => answer.text())).toContain('the page')
  const socket = io(url, { path: '/rowcast' })
  await connected(socket)
  expect((await plugin.api!.ready).health().status).toBe('ok')
  socket.close()
  await server.close()
  await vi.waitFor(async () => expect(await connectionsOfRowcast(database)).toBe(0))
})

test('other plugins get the running Rowcast, or learn that it did not start', async () => {
  await using project = await temporaryFolder({ 'index.html': '' })
  const plugin = rowcast({ database: 'postgres://127.0.0.1:1/app' })
  await expect(plugin.api!.ready).rejects.toThrow('in a dev or preview server only')

  const server = await createServer(config(project.path, plugin))
  await server.listen(0)
  await expect(plugin.api!.ready).rejects.toThrow('ECONNREFUSED')
  const answer = await fetch(`${server.resolvedUrls?.local[0]}rowcast/?EIO=4&transport=polling`)
  expect(answer.status).toBe(503)
  await server.close()
})

function config(root: string, plugin: ReturnType<typeof rowcast>): InlineConfig {
  return { root, configFile: false, logLevel: 'silent', plugins: [plugin], preview: { port: 0 } }
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('connect', resolve))
}

/** Asks for a web socket as a browser does. */
async function upgrade(url: string, protocol: string): Promise<[IncomingMessage, NetSocket]> {
  const asked = request(url, {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': protocol,
    },
  }).end()
  return (await once(asked, 'upgrade')) as [IncomingMessage, NetSocket]
}

async function connectionsOfRowcast(database: TestDatabase): Promise<unknown> {
  const client = await database.connect()
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity
     where datname = current_database() and application_name like 'rowcast%'`,
  )
  await client.end()
  return rows[0]?.n
}
