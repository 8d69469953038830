import { expect, test } from 'vitest'
import { Lane } from './lane.ts'

test('so many work at once, the others in the order in which they came, also after one has failed', async () => {
  const lane = new Lane(2)
  const begun: number[] = []
  const finish = new Map<number, (error?: Error) => void>()
  const results = [1, 2, 3, 4].map((n) =>
    lane
      .run(() => {
        begun.push(n)
        return new Promise<number>((resolve, reject) =>
          finish.set(n, (error) => (error ? reject(error) : resolve(n))),
        )
      })
      .catch((error: Error) => error.message),
  )
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  await settled()
  expect(begun).toEqual([1, 2])
  finish.get(2)?.(new Error('failed'))
  await settled()
  expect(begun).toEqual([1, 2, 3])
  finish.get(1)?.()
  finish.get(3)?.()
  await settled()
  expect(begun).toEqual([1, 2, 3, 4])
  finish.get(4)?.()
  expect(await Promise.all(results)).toEqual([1, 'failed', 3, 4])
  await expect(lane.run(() => Promise.resolve('again'))).resolves.toBe('again')
})
