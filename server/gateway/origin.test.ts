import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { isAllowedOrigin } from './origin.ts'

const request = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage

test('pages of this server and of the origins named may connect, others may not', () => {
  const allowed = ['https://app.example.org']
  const host = 'localhost:5173'
  expect(isAllowedOrigin(request({ host }), allowed)).toBe(true)
  expect(isAllowedOrigin(request({ host, origin: 'http://localhost:5173' }), allowed)).toBe(true)
  expect(isAllowedOrigin(request({ host, origin: 'https://app.example.org' }), allowed)).toBe(true)
  for (const origin of [
    'http://localhost:5174',
    'https://app.example.org.evil.example',
    'null',
    'http://',
    'https://example.org',
  ])
    expect(isAllowedOrigin(request({ host, origin }), allowed), origin).toBe(false)
})
