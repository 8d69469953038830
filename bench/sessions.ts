import { createPools } from '../server/db/pools.ts'
import { define } from '../server/routing/definition.ts'
import { SessionStore, type SessionKey } from '../server/session/session-store.ts'
import type { Bench } from './suite/bench.ts'
import { openDatabase } from './suite/database.ts'
import { figure, type Figure } from './suite/report.ts'

const fullCount = 5_000

/**
 * What sessions cost the database: as many clients do the same at the same moment, of as many users, each following
 * six things; over the four connections that a server has for it.
 */
export const sessions: Bench = {
  name: 'sessions',
  summary: 'what 5,000 sessions cost the database when all of them come, acknowledge or move at once',
  async run({ scale, say }) {
    await using database = await openDatabase(say)
    const count = Math.max(1, Math.round(fullCount * scale))
    const pools = createPools(database.url, () => undefined)
    try {
      return { postgresql: database.version, figures: await measure(pools, count, say) }
    } finally {
      await pools.close()
    }
  },
}

async function measure(
  pools: ReturnType<typeof createPools>,
  count: number,
  say: (message: string) => void,
): Promise<Figure[]> {
  const figures: Figure[] = []
  const time = async (what: string, work: () => Promise<unknown>) => {
    say(what)
    const startedAt = performance.now()
    await work()
    figures.push(figure(what, (count / (performance.now() - startedAt)) * 1000, '/s'))
  }
  await pools.app.query(`create table item (id int primary key); select event.track('item')`)
  const { rows } = await pools.app.query(
    `select current_user as role, event.epoch() as epoch, pg_current_snapshot()::text as snapshot`,
  )
  const { role, ...position } = rows[0]
  const follows = await Promise.all([
    define(pools.encoding, { kind: 'table', relation: 'item' }, { role, claims: {} }),
    ...[1, 2, 3, 4, 5].map((id) =>
      define(pools.encoding, { kind: 'row', relation: 'item', key: [id] }, { role, claims: {} }),
    ),
  ])
  const identity = (i: number) => ({ role, claims: { sub: `user ${i}` } })
  let keys: SessionKey[] = []
  const each = (work: (key: SessionKey, i: number) => Promise<unknown>) => Promise.all(keys.map(work))

  const first = new SessionStore(pools.encoding)
  await time('create', async () => {
    keys = await Promise.all(Array.from({ length: count }, (_, i) => first.create(identity(i))))
  })
  await time('attach, all new', () => each(({ id }) => first.attach(id, follows)))
  await time('acknowledge', () => each(({ id }) => first.acknowledge(id, position)))
  await time('renew all', () => first.renew())

  await first.leave()
  const second = new SessionStore(pools.encoding)
  await time('open, at another server', () => each((key, i) => second.open(key, identity(i))))
  await time('open, with what it follows', () =>
    each((key, i) => second.open(key, identity(i), { withSubscriptions: true })),
  )
  await time('attach, nothing new', () => each(({ id }) => second.attach(id, follows)))
  return figures
}
