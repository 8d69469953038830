import { Fanout, type Setting } from './fanout/fanout.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { alternate, median, medianRatio, type Rounds } from './suite/alternate.ts'
import { openDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { atLeast, atMost, figure, type Figure } from './suite/report.ts'
import type { Run } from './fanout/side.ts'

const settings: readonly Setting[] = [
  { clients: 100, filters: 1 },
  { clients: 1_000, filters: 1 },
  { clients: 5_000, filters: 1 },
  { clients: 5_000, filters: 100 },
]
const rounds = 3
const leastShare = 0.8
const mostCpu = 1.25
/**
 * From so many on a message is also measured against a message. What a pass of the reader costs, whoever follows, weighs
 * more than sending to fewer: there messages grow instead.
 */
const manyClients = 1_000

/**
 * One change to many clients. Rowcast is given more commits than plain Socket.IO could send messages, so that it always
 * has something to send, and puts into a message what has come meanwhile. Plain Socket.IO sends the same changes in two
 * ways: each as a message of its own, with the bytes that Rowcast would send for it alone, and the very messages that
 * Rowcast has sent.
 */
export const fanout: Bench = {
  name: 'fanout',
  summary: 'one change to 100, 1,000 and 5,000 clients, beside plain Socket.IO',
  async run(context) {
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    const sized = settings.map(({ clients, filters }) => ({
      clients: Math.max(10, Math.round(clients * context.scale)),
      filters: Math.min(filters, Math.max(5, Math.round(filters * context.scale))),
    }))
    await using bench = await Fanout.start(database, processes, sized)
    return { postgresql: database.version, figures: await measure(bench, sized, context) }
  },
}

async function measure(
  bench: Fanout,
  sized: readonly Setting[],
  { scale, say }: BenchContext,
): Promise<Figure[]> {
  const figures: Figure[] = []
  let wrong = 0
  for (const [i, setting] of sized.entries()) {
    const what = nameOf(setting)
    say(`${what}: connecting`)
    await bench.enter(i)
    say(`${what}: measuring`)
    const all = await alternate(rounds, {
      rowcast: () => bench.rowcast(),
      each: () => bench.plainEach(),
      same: () => bench.plainSame(),
    })
    figures.push(...figuresOf(what, setting, all, scale === 1))
    wrong += await bench.countWrong()
  }
  for (const fault of await bench.faults()) say(fault)
  figures.push(atMost('clients that have not got every change once', wrong, '', 0))
  return figures
}

function figuresOf(
  what: string,
  { clients, filters }: Setting,
  { rowcast, each, same }: Rounds<'rowcast' | 'each' | 'same', Run>,
  isJudged: boolean,
): Figure[] {
  const of = (runs: readonly Run[], key: keyof Run) => runs.map((run) => run[key])
  const value = (runs: readonly Run[], key: keyof Run) => median(of(runs, key))
  const ratio = (to: readonly Run[], key: keyof Run) => medianRatio(of(rowcast, key), of(to, key))
  const share = isJudged ? leastShare : null
  const cpu = isJudged ? mostCpu : null
  const isMany = clients >= manyClients || filters > 1
  return [
    figure(`${what}: changes delivered`, value(rowcast, 'changesPerSecond'), '/s'),
    figure(`${what}: by plain Socket.IO, a message each`, value(each, 'changesPerSecond'), '/s'),
    atLeast(`${what}: changes delivered, of that`, ratio(each, 'changesPerSecond'), '', share),
    atMost(`${what}: CPU of the server for one, of that`, ratio(each, 'cpuUsPerChange'), '', cpu),
    figure(`${what}: changes in a message`, value(rowcast, 'changesPerMessage'), ''),
    figure(`${what}: messages delivered`, value(rowcast, 'messagesPerSecond'), '/s'),
    figure(`${what}: by plain Socket.IO, the same`, value(same, 'messagesPerSecond'), '/s'),
    atLeast(
      `${what}: messages delivered, of that`,
      ratio(same, 'messagesPerSecond'),
      '',
      isMany ? share : null,
    ),
    figure(`${what}: CPU of the server for a message`, value(rowcast, 'cpuUsPerMessage'), 'µs'),
    atMost(
      `${what}: CPU of the server for a message, of plain Socket.IO's`,
      ratio(same, 'cpuUsPerMessage'),
      '',
      isMany ? cpu : null,
    ),
    figure(`${what}: CPU of the clients`, value(rowcast, 'clientsCpu') * 100, '% of a core'),
  ]
}

function nameOf({ clients, filters }: Setting): string {
  const count = `${clients.toLocaleString('en')} clients`
  return filters === 1 ? count : `${count} with ${filters} filters`
}
