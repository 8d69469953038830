import type { Child } from '../test/child.ts'
import { bridgeSql } from './sides/bridge.ts'
import type { AwaitedField } from './sides/rowcast-client.ts'
import { alternate, median, medianRatio } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { now } from './suite/clock.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { atLeast, atMost, figure, type Figure } from './suite/report.ts'

/** Many rows at once: what capture costs the statement that changes them, and how soon a client has them all. */
export const bulk: Bench = {
  name: 'bulk',
  summary:
    'statements that change 1,000 and 100,000 rows: the time of the writer, and rows a second to a client',
  async run(context) {
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    const table = (name: string) => `create table ${name} (id bigint primary key, channel_id int not null,
      author text default 'ann', body text default 'hello world', at timestamptz default now())`
    for (const name of ['plain', 'unfollowed', 'followed', 'bridged']) await database.admin.query(table(name))
    await database.admin.query(`${bridgeSql('bridged')} grant select on followed to ${database.role};
      select event.track('unfollowed'); select event.track('followed')`)
    const clients = await Clients.start(database, processes, context.say)
    const figures = [
      ...(await writerFigures(database, context)),
      ...(await clientFigures(database, clients, context)),
    ]
    return { postgresql: database.version, figures }
  },
}

const sizes = [1_000, 100_000]
const writerRounds = 3
const clientRounds = 2
const rowsOfTransaction = 1_000
const limits = { update: 2, rowsPerSecond: 60_000, ofBridge: 0.5 }

const statements = {
  insert: (table: string, rows: number, from = 1) =>
    `insert into ${table} (id, channel_id) select i, 1 from generate_series(${from}, ${from + rows - 1}) as i`,
  update: (table: string) => `update ${table} set channel_id = channel_id + 1`,
  delete: (table: string) => `delete from ${table}`,
}
type Command = keyof typeof statements
const commands = Object.keys(statements) as Command[]

async function writerFigures({ admin }: BenchDatabase, { scale, say }: BenchContext): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const size of sizes) {
    const rows = Math.round(size * scale)
    say(`changing ${rows.toLocaleString('en')} rows at once, followed by nobody`)
    const on = (table: string) => async () => {
      const ms: Record<Command, number> = { insert: NaN, update: NaN, delete: NaN }
      for (const command of commands) {
        const startedAt = now()
        await admin.query(statements[command](table, rows))
        ms[command] = now() - startedAt
      }
      return ms
    }
    const { plain, unfollowed } = await alternate(writerRounds, {
      plain: on('plain'),
      unfollowed: on('unfollowed'),
    })
    for (const command of commands) {
      const [before, captured] = [plain, unfollowed].map((side) => side.map((ms) => ms[command]))
      const name = (what: string) => `${command} of ${rows.toLocaleString('en')} rows: ${what}`
      figures.push(
        figure(name('no capture'), median(before ?? []), 'ms'),
        figure(name('captured'), median(captured ?? []), 'ms'),
        atMost(
          name('captured, of no capture'),
          medianRatio(captured ?? [], before ?? []),
          '×',
          command === 'update' && scale === 1 ? limits.update : null,
        ),
      )
    }
  }
  return figures
}

async function clientFigures(
  { admin }: BenchDatabase,
  { rowcast, bridge }: Clients,
  { scale, say }: BenchContext,
): Promise<Figure[]> {
  const figures: Figure[] = []
  let wrong = 0
  for (const size of sizes) {
    const rows = Math.round(size * scale)
    const counted = `${rows.toLocaleString('en')} rows`
    const perSecond = (ms: number) => (rows / ms) * 1000
    const limit = (limit: number) => (scale === 1 && size === sizes.at(-1) ? limit : null)
    /** @returns rows a second until the client has done the same */
    const rateOf = async (done: Promise<number>, startedAt: number, write: () => Promise<unknown>) => {
      await write()
      return perSecond((await done) - startedAt)
    }
    const until = (client: Child, count: number, write: () => Promise<unknown>) =>
      rateOf(client.ask<number>('until', count), now(), write)
    /** The transaction arrives whole: one field of it tells of all. */
    const untilUpdated = () => {
      const field: AwaitedField = { key: '["1"]', column: 'channel_id', value: 2 }
      return rateOf(rowcast.ask<number>('untilField', field), now(), () =>
        admin.query(statements.update('followed')),
      )
    }
    const inTransactions = async (table: string) => {
      for (let from = 1; from <= rows; from += rowsOfTransaction)
        await admin.query(statements.insert(table, Math.min(rowsOfTransaction, rows), from))
    }
    const change = (command: 'insert' | 'delete') =>
      until(rowcast, command === 'delete' ? 0 : rows, () =>
        admin.query(statements[command]('followed', rows)),
      )

    say(`changing ${counted}, until a client has them`)
    const sides = await alternate<'rowcast' | 'bridge', Rates>(clientRounds, {
      rowcast: async () => {
        const inserted = await until(rowcast, rows, () => inTransactions('followed'))
        wrong += await differences(admin, rowcast)
        const deleted = await change('delete')
        const ofStatement = {
          insert: await change('insert'),
          update: await untilUpdated(),
          delete: deleted,
        }
        wrong += await differences(admin, rowcast)
        await change('delete')
        return { inserted, ...ofStatement }
      },
      bridge: async () => {
        const inserted = await until(bridge, rows, () => inTransactions('bridged'))
        await until(bridge, 0, () => admin.query(statements.delete('bridged')))
        return { inserted }
      },
    })
    const [throughRowcast, throughBridge] = [sides.rowcast, sides.bridge].map((side) =>
      side.map(({ inserted }) => inserted),
    ) as [number[], number[]]
    figures.push(
      figure(`transactions of 1,000, ${counted}: bare bridge`, median(throughBridge), 'rows/s'),
      atLeast(
        `transactions of 1,000, ${counted}: Rowcast`,
        median(throughRowcast),
        'rows/s',
        limit(limits.rowsPerSecond),
      ),
      atLeast(
        `transactions of 1,000, ${counted}: Rowcast, of the bare bridge`,
        medianRatio(throughRowcast, throughBridge),
        '×',
        limit(limits.ofBridge),
      ),
      ...commands.map((command) =>
        atLeast(
          `one ${command}, ${counted}: until the client has all`,
          median(sides.rowcast.map((rates) => rates[command] ?? NaN)),
          'rows/s',
          limit(limits.rowsPerSecond),
        ),
      ),
    )
  }
  return [...figures, atMost('rows that the client has otherwise than the table', wrong, '', 0)]
}

/** Rows a second. `inserted`: in transactions of 1,000; the others: in one statement. */
type Rates = { readonly inserted: number } & Readonly<Partial<Record<Command, number>>>

interface Row {
  readonly id: string
  readonly channel_id: number
}

async function differences(admin: BenchDatabase['admin'], client: Child): Promise<number> {
  const { rows } = await admin.query<Row>('select id::text, channel_id from followed')
  const held = new Map((await client.ask<Row[]>('rows')).map(({ id, channel_id }) => [id, channel_id]))
  return (
    rows.filter(({ id, channel_id }) => held.get(id) !== channel_id).length +
    Math.abs(held.size - rows.length)
  )
}

/** One of Rowcast and one of the bare bridge, each with a server of its own. */
class Clients {
  readonly rowcast: Child
  readonly bridge: Child

  static async start(
    { url, serverUrl, role }: BenchDatabase,
    processes: Processes,
    say: BenchContext['say'],
  ): Promise<Clients> {
    say('starting the servers, and a client of each')
    const file = (name: string) => new URL(`sides/${name}.ts`, import.meta.url)
    const server = processes.startServer('server', file('rowcast-server'))
    const bridgeServer = processes.startServer('bridge', file('bridge-server'))
    const clients = new Clients(
      processes.start('client', file('rowcast-client')),
      processes.start('client of the bridge', file('bridge-client')),
    )
    const at = (port: number) => `http://127.0.0.1:${port}`
    await clients.rowcast.ask('open', {
      url: at(await server.ask<number>('serve', { database: serverUrl, role })),
      subscription: { kind: 'table', relation: 'public.followed' },
    })
    await clients.bridge.ask('open', { url: at(await bridgeServer.ask<number>('serve', { database: url })) })
    return clients
  }

  private constructor(rowcast: Child, bridge: Child) {
    this.rowcast = rowcast
    this.bridge = bridge
  }
}
