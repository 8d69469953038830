/**
 * A log reader as a process of its own, for tests that kill or stop it: `log-reader-child.ts URL RELATION_ID…`.
 * Prints a line for each change, its key, for each relation that is too much, and for each line of its log.
 */
import { pino } from 'pino'
import { LogReader } from '../server/log/log-reader.ts'

const [url = '', ...ids] = process.argv.slice(2)
const say = (line: unknown) => void process.stdout.write(`${JSON.stringify(line)}\n`)
const reader = new LogReader({
  database: url,
  logger: pino({ level: 'warn' }, { write: (line) => say({ log: JSON.parse(line).msg }) }),
  relationIds: () => ids.map(Number),
  isAwaited: () => false,
  deliver: async ({ transactions, heavy }) => {
    for (const relation of heavy) say({ heavy: relation })
    for (const { rows } of transactions) for (const { key } of rows) say({ key })
  },
  welcome: async () => undefined,
  onEpoch: () => undefined,
  onGap: () => undefined,
})
await reader.start()
say('started')
