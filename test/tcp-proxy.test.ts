import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { TcpProxy } from './tcp-proxy.ts'

/** A proxy before a server that answers every byte with the same. */
async function echo() {
  const upstreams: Socket[] = []
  const server = createServer((socket) => {
    upstreams.push(socket)
    socket.on('error', () => undefined)
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await TcpProxy.start({ port: (server.address() as AddressInfo).port })
  return {
    proxy,
    upstreams,
    async connect() {
      const socket = connect(proxy.port, '127.0.0.1')
      let text = ''
      socket.on('data', (chunk) => (text += String(chunk)))
      const closed = new Promise<string>((resolve) => {
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
        socket.on('close', () => resolve('closed'))
      })
      await once(socket, 'connect').catch(() => undefined) // `closed` tells
      const got = async (expected: string) => {
        while (text !== expected) await once(socket, 'data')
      }
      return { socket, closed, got, text: () => text }
    },
    async [Symbol.asyncDispose]() {
      await proxy.close()
      server.close()
    },
  }
}

test('bytes go through both ways, in order, however many and however late', async () => {
  await using at = await echo()
  at.proxy.setDelay(20)
  const client = await at.connect()
  const sent = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`)
  for (let i = 0; i < sent.length; i += 5_000) client.socket.write(sent.slice(i, i + 5_000).join(''))
  await client.got(sent.join(''))
})

test('half-open, nothing comes back and nothing ends; open again, all goes through', async () => {
  await using at = await echo()
  const client = await at.connect()
  client.socket.write('a')
  await client.got('a')
  at.proxy.setMode('half-open')
  client.socket.write('b')
  const other = await at.connect()
  other.socket.write('c')
  await sleep(50)
  expect([client.text(), other.text()]).toEqual(['a', ''])
  at.proxy.setMode('open')
  await Promise.all([client.got('ab'), other.got('c')])
})

test('stranded connections stay silent for good; new ones are served', async () => {
  await using at = await echo()
  const old = await at.connect()
  old.socket.write('a')
  await old.got('a')
  at.proxy.strand()
  old.socket.write('b')
  const fresh = await at.connect()
  fresh.socket.write('c')
  await fresh.got('c')
  expect(old.text()).toBe('a')
  const [upstream] = at.upstreams
  old.socket.destroy()
  await sleep(50)
  expect(upstream?.destroyed).toBe(false)
})

test('a cut is seen as an end, a reset as a reset, by both ends', async () => {
  await using at = await echo()
  const cut = await at.connect()
  cut.socket.write('a')
  await cut.got('a')
  at.proxy.cut()
  expect(await cut.closed).toBe('closed')
  const reset = await at.connect()
  reset.socket.write('a')
  await reset.got('a')
  at.proxy.reset()
  expect(await reset.closed).toBe('ECONNRESET')
  at.proxy.setMode('refusing')
  expect(await (await at.connect()).closed).toBe('ECONNRESET')
  while (at.proxy.connectionCount > 0) await sleep(5)
})
