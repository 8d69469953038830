import { perSession } from './routing/setting.ts'
import { Size, type Cost } from './routing/size.ts'
import { alternate, median } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { atMost, figure, type Figure } from './suite/report.ts'

const fullSessions = { few: 100, many: 10_000 }
const rounds = 3
const ratioLimit = 1.3

/**
 * What one change costs, however many subscriptions there are that it does not concern. Three servers, each with a database of
 * its own in one PostgreSQL, are alive at once and tell the same changes to one client each, by turns; they differ in
 * how many other subscriptions they serve, of rows, fields and equality filters of the same table, no two alike. What sockets
 * cost while nothing happens is measured in each turn as well, and taken off.
 */
export const routing: Bench = {
  name: 'routing',
  summary: 'what one change costs beside 0, 1,000 and 100,000 subscriptions that it does not concern',
  async run(context) {
    await using first = await openDatabase(context.say)
    await using second = await openDatabase(context.say, first)
    await using third = await openDatabase(context.say, first)
    await using processes = new Processes(context)
    const figures = await measure([first, second, third], processes, context)
    return { postgresql: first.version, figures }
  },
}

async function measure(
  [first, second, third]: readonly [BenchDatabase, BenchDatabase, BenchDatabase],
  processes: Processes,
  { scale, say }: BenchContext,
): Promise<Figure[]> {
  const none = await Size.start(first, processes, 0)
  const few = await Size.start(second, processes, Math.ceil(fullSessions.few * scale))
  const sessions = Math.ceil(fullSessions.many * scale)
  say(`connecting ${sessions} sessions, each with ${perSession} subscriptions`)
  const many = await Size.start(third, processes, sessions)
  say('changes, by turns')
  const turns = await alternate(rounds, {
    none: () => none.turn(),
    few: () => few.turn(),
    many: () => many.turn(),
  })
  for (const size of [none, few, many]) await size.check()

  const compared = (what: string, unit: string, of: (cost: Cost) => number): Figure[] => {
    const [before, between, after] = [turns.none, turns.few, turns.many].map((costs) => median(costs.map(of)))
    if (before === undefined || between === undefined || after === undefined || Number.isNaN(before))
      return []
    return [
      figure(`${what}, beside no other subscription`, before, unit),
      figure(`${what}, beside ${subscriptionsOf(few)}`, between, unit),
      figure(`${what}, beside ${subscriptionsOf(many)}`, after, unit),
      atMost(`${what}: ratio of last to first`, after / before, '', scale === 1 ? ratioLimit : null),
    ]
  }
  const { rssMb } = await many.usage()
  const { connected } = many
  const each = `for each session with its ${perSession} subscriptions`
  return [
    ...compared('work of the server for one change', 'ms', ({ serverMs }) => serverMs),
    ...compared('work of PostgreSQL for one change', 'ms', ({ postgresqlMs }) => postgresqlMs),
    ...compared('commit to client', 'ms', ({ latencyMs }) => latencyMs),
    figure(`${sessions.toLocaleString('en')} sessions connected, all shown`, connected.ms / 1e3, 's'),
    figure(`work of the server ${each}`, connected.serverMs, 'ms'),
    ...[connected.postgresqlMs]
      .filter((ms) => !Number.isNaN(ms))
      .map((ms) => figure(`work of PostgreSQL ${each}`, ms, 'ms')),
    figure('memory of their server', rssMb, 'MB'),
  ]
}

function subscriptionsOf({ sessions }: Size): string {
  return `${(sessions * perSession).toLocaleString('en')} others`
}
