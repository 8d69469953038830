import { expect, test } from 'vitest'
import { thisComputerOnly } from './this-computer-only.ts'

const { authenticate } = thisComputerOnly()
const connect = (address: string, host: string) =>
  authenticate({ auth: {}, headers: { host }, address, url: '/rowcast/' })

test.each([
  ['127.0.0.1', 'localhost:5173'],
  ['::ffff:127.0.0.1', '127.0.0.1:5173'],
  ['::1', '[::1]:5173'],
  ['::1', 'chat.localhost'],
])('a page on this computer may connect: %s by %s', (address, host) => {
  expect(connect(address, host)).toEqual({ role: 'postgres', claims: {} })
})

test.each([
  ['192.168.1.5', 'localhost:5173'],
  ['::ffff:10.0.0.1', '10.0.0.2:5173'],
  ['127.0.0.1', 'evil.example:5173'],
  ['127.0.0.1', 'localhost.evil.example'],
  ['127.0.0.1', ''],
])('another computer, or a foreign name for this one, may not: %s by %s', (address, host) => {
  expect(() => connect(address, host)).toThrow('only pages on this computer')
})
