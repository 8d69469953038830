import { expect, test } from 'vitest'
import { protocolVersion } from '../../shared/protocol.ts'
import { attachSchema, maxSubscriptions } from '../../shared/requests.ts'
import { parse } from './answer.ts'
import { resolveLimits } from './limits.ts'

const attachingWith = (count: number) => ({
  protocol: protocolVersion,
  subscriptions: Array.from({ length: count }, (_, i) => ({
    subscription: { kind: 'row', relation: 'a', key: [i] },
  })),
})

test('a session follows no more than it can name when it comes back', () => {
  expect(resolveLimits().subscriptionsPerSession).toBeLessThanOrEqual(maxSubscriptions)
  expect(resolveLimits({ subscriptionsPerSession: 3 }).subscriptionsPerSession).toBe(3)
  for (const given of [maxSubscriptions + 1, Infinity]) {
    const { subscriptionsPerSession } = resolveLimits({ subscriptionsPerSession: given })
    expect(parse(attachSchema, attachingWith(subscriptionsPerSession)).subscriptions).toHaveLength(
      maxSubscriptions,
    )
  }
  expect(() => parse(attachSchema, attachingWith(maxSubscriptions + 1))).toThrow(`${maxSubscriptions}`)
})
