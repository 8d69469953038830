import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { createRowcast, type RowcastOptions } from './main.ts'

test('without authenticate nothing starts, whatever else is given, and the message says what to do', async () => {
  const options = { httpServer: createServer(), database: 'postgres://127.0.0.1:1/app' }
  for (const authenticate of [undefined, null, true, {}])
    await expect(createRowcast({ ...options, authenticate } as unknown as RowcastOptions)).rejects.toThrow(
      /no `authenticate`.*verifyJwt\(/,
    )
  await expect(createRowcast(options as unknown as RowcastOptions)).rejects.toThrow('no `authenticate`')
})
