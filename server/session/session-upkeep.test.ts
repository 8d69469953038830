import { pino } from 'pino'
import { expect, test } from 'vitest'
import { SessionUpkeep } from './session-upkeep.ts'

test('what has been ended is told before the next time, and a database that is away ends nothing', async () => {
  const ended: string[] = []
  const answers = [() => ['a'], () => { throw new Error('away') }, () => ['b']] // prettier-ignore
  let forgotten = 0
  const upkeep = new SessionUpkeep({
    sessions: {
      expireAfterMs: Infinity,
      renew: async () => answers.shift()?.() ?? [],
      forgetExpired: async () => void forgotten++,
    },
    logger: pino({ level: 'silent' }),
    onEnd: (session) => ended.push(session),
  })
  await upkeep.run()
  expect([ended, forgotten]).toEqual([['a'], 1])
  await upkeep.run()
  expect([ended, forgotten]).toEqual([['a'], 1])
  await Promise.all([upkeep.run(), upkeep.run()])
  expect([ended, forgotten]).toEqual([['a', 'b'], 2])
  await upkeep.close()
})
