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

test('a request that a browser sends for another page without saying for which may not connect', () => {
  const allowed = ['https://app.example.org']
  for (const site of ['same-origin', 'none'])
    expect(isAllowedOrigin(request({ host: 'a', 'sec-fetch-site': site }), allowed), site).toBe(true)
  for (const site of ['cross-site', 'same-site', 'anything'])
    expect(isAllowedOrigin(request({ host: 'a', 'sec-fetch-site': site }), allowed), site).toBe(false)
  // A page that may connect says its origin as well.
  const named = { host: 'a', origin: 'https://app.example.org', 'sec-fetch-site': 'cross-site' }
  expect(isAllowedOrigin(request(named), allowed)).toBe(true)
})

test('an origin that only looks like one is none', () => {
  const host = 'app.example.org'
  for (const origin of [
    'https://app.example.org, https://evil.example',
    'https://app.example.org@evil.example',
    'https://evil.example/app.example.org',
    'https://evil.example#app.example.org',
    'app.example.org',
    '',
  ])
    expect(isAllowedOrigin(request({ host, origin }), []), origin).toBe(false)
  expect(isAllowedOrigin(request({ origin: 'https://app.example.org' }), [])).toBe(false)
})
