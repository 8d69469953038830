import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { runRowcast } from '../../test/rowcast-process.ts'
import { createPool } from '../db/pool.ts'
import { SessionStore } from '../session/session-store.ts'

test('sessions are listed, by role and user, for people and as JSON; and ended, all or none', async () => {
  await using database = await createTestDatabase()
  const pool = createPool(database.url, 2)
  const env = { DATABASE_URL: database.url }
  const run = (...args: string[]) => runRowcast(['sessions', ...args], { env })
  expect(await run()).toEqual({ code: 0, output: 'There are no sessions.\n' })

  const store = new SessionStore(pool)
  const ann = await store.create({ role: 'app_user', claims: { sub: 'ann' } })
  const bob = await store.create({ role: 'app_user', claims: { sub: 'bob' } })
  await store.attach(ann.id, [])
  const listed = await run()
  expect(listed.code).toBe(0)
  const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`
  expect(listed.output).toMatch(/^id +role +sub +last seen +expires +follows\n/)
  expect(listed.output).toMatch(new RegExp(`^${ann.id} +app_user +ann +in use +${time} +0$`, 'm'))
  expect(listed.output).toMatch(new RegExp(`^${bob.id} +app_user +bob +${time} +${time} +0$`, 'm'))
  expect(await run('list', '--limit', '1')).toMatchObject({
    output: expect.stringContaining('there are more'),
  })

  const asJson = await run('--role', 'app_user', '--sub', 'bob', '--json')
  expect(JSON.parse(asJson.output)).toMatchObject({
    id: bob.id,
    role: 'app_user',
    sub: 'bob',
    isAttached: false,
  })
  expect(await run('--role', 'nobody')).toEqual({ code: 0, output: 'There are no sessions.\n' })

  const wrong = await run('end', bob.id, 'nonsense')
  expect(wrong).toEqual({ code: 1, output: 'rowcast: there is no session nonsense\n' })
  const ended = await run('end', ann.id, bob.id)
  expect(ended).toEqual({ code: 0, output: `${ann.id} has been ended.\n${bob.id} has been ended.\n` })
  expect((await pool.query('select from event.session')).rows).toEqual([])
  await pool.end()
})
