/**
 * What sessions cost the database: `DATABASE_URL=postgres://… npx tsx bench/sessions.ts [clients]`, in a database of its
 * own, dropped after. As many clients as are named (5,000) do the same at the same moment, of as many users, each following
 * six things; over the four connections that a server has for it.
 */
import { performance } from 'node:perf_hooks'
import pg from 'pg'
import { migrate } from '../server/db/migrate.ts'
import { createPools } from '../server/db/pools.ts'
import { define } from '../server/routing/definition.ts'
import { SessionStore, type SessionKey } from '../server/session/session-store.ts'

const server = process.env['DATABASE_URL']
if (!server) throw new Error('set DATABASE_URL to a PostgreSQL that may be used for a while')
const count = Number(process.argv[2] ?? 5000)
const url = new URL(server)
url.pathname = `rowcast_bench_${process.pid}`
const admin = new pg.Client(server)
await admin.connect()
await admin.query(`create database ${url.pathname.slice(1)}`)
const pools = createPools(url.href, () => undefined)

async function measure(what: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  await work()
  const ms = performance.now() - start
  const rate = Math.round((count / ms) * 1000).toLocaleString('en')
  console.log(`${what.padEnd(44)} ${ms.toFixed(0).padStart(6)} ms ${rate.padStart(9)} /s`)
}

try {
  await migrate(url.href)
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
  await measure('create', async () => {
    keys = await Promise.all(Array.from({ length: count }, (_, i) => first.create(identity(i))))
  })
  await measure('attach, all new', () => each(({ id }) => first.attach(id, follows)))
  await measure('acknowledge', () => each(({ id }) => first.acknowledge(id, position)))
  await measure('renew all', () => first.renew())

  await first.leave()
  const second = new SessionStore(pools.encoding)
  await measure('open, at another server', () => each((key, i) => second.open(key, identity(i))))
  await measure('open, with what it follows', () =>
    each((key, i) => second.open(key, identity(i), { withSubscriptions: true })),
  )
  await measure('attach, nothing new', () => each(({ id }) => second.attach(id, follows)))
} finally {
  await pools.close()
  await admin.query(`drop database ${url.pathname.slice(1)} with (force)`)
  await admin.end()
}
