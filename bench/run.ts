/**
 * Measures: `npm run bench` lists what there is, `npm run bench -- access` runs one of it. docs/benchmarks.md says what each measures.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { textTable } from '../server/cli/text-table.ts'
import { access } from './access.ts'
import type { Bench } from './suite/bench.ts'
import { bundle } from './bundle.ts'
import { bulk } from './bulk.ts'
import { commits } from './commits.ts'
import { fanout } from './fanout.ts'
import { latency } from './latency.ts'
import { reconnect } from './reconnect.ts'
import { memory } from './memory.ts'
import { render } from './render.ts'
import { routing } from './routing.ts'
import { sessions } from './sessions.ts'
import { snapshot } from './snapshot.ts'
import { store } from './store.ts'
import { stream } from './stream.ts'
import { publish } from './suite/publish.ts'
import { hasMissed, reportOf, textOf, thisMachine } from './suite/report.ts'
import { workers } from './workers.ts'

const benches: readonly Bench[] = [
  latency,
  commits,
  bulk,
  stream,
  fanout,
  routing,
  snapshot,
  reconnect,
  memory,
  store,
  render,
  bundle,
  access,
  sessions,
  workers,
]

interface Options {
  readonly json?: true
  readonly scale: number
  readonly profile?: string
  readonly publish?: true
}

const page = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))

const program = new Command('npm run bench --')
  .description('Measures Rowcast on this machine, on an embedded PostgreSQL or the one of DATABASE_URL.')
  .argument('[name]', 'which bench, or `all`, one after the other; without it, they are listed')
  .option('--json', 'one object a line on standard output: { name, machine, versions, figures }')
  .option('--scale <factor>', 'for trying out: a part of the clients, changes and seconds', parseScale, 1)
  .option('--profile <folder>', 'write CPU profiles of the servers there')
  .option('--publish', 'put the figures into docs/benchmarks.md')
  .addHelpText('after', '\nExit codes: 0 done, 1 a target was missed or the bench failed, 2 wrongly called.')
  .exitOverride()
  .action(async (name: string | undefined, options: Options) => {
    if (name === undefined) return console.log(textTable(benches.map(({ name, summary }) => [name, summary])))
    const chosen = name === 'all' ? benches : benches.filter((bench) => bench.name === name)
    if (chosen.length === 0)
      program.error(`there is no bench ${name}: there are ${benches.map(({ name }) => name).join(', ')}`)
    if (options.publish && options.scale !== 1) program.error('only what was measured in full is published')
    for (const bench of chosen) {
      try {
        await measure(bench, options)
      } catch (error) {
        console.error(error) // the others are measured all the same
        process.exitCode = 1
      }
    }
  })

async function measure(bench: Bench, { json, scale, profile, publish: isPublished }: Options): Promise<void> {
  const startedAt = performance.now()
  const say = (message: string) =>
    console.error(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${message}`)
  const machine = thisMachine() // before the bench itself makes it busy
  const outcome = await bench.run({ scale, say, ...(profile !== undefined && { profile: resolve(profile) }) })
  say('done')
  const report = reportOf(bench.name, machine, outcome)
  console.log(json ? JSON.stringify(report) : textOf(report))
  if (isPublished) await writeFile(page, await publish(await readFile(page, 'utf8'), report, page))
  if (hasMissed(report)) process.exitCode = 1
}

function parseScale(text: string): number {
  const scale = Number(text)
  if (!(scale > 0 && scale <= 1)) throw new InvalidArgumentError('It must be above 0, and 1 at the most.')
  return scale
}

try {
  await program.parseAsync()
} catch (error) {
  // Commander has said its own, help included.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2)
  console.error(error)
  process.exit(1)
}
