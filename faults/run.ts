/**
 * Breaks everything for a while, and says whether anything was lost, came twice or was wrong:
 *
 *   npm run faults -- --seed 7 --minutes 5
 *
 * docs/faults.md says what happens in a run and what is checked. Ends with 0 only if nothing was violated.
 */
import { randomInt } from 'node:crypto'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { check } from './check.ts'
import { describe } from './findings.ts'
import { hasFailed, run, type Progress } from './harness.ts'
import { findAll } from './planted/find-all.ts'
import { readRecords } from './records.ts'
import { leaksOf, reportOf, textOf } from './report.ts'
import { faultKinds, type FaultKind } from './schedule.ts'
import { fullSize, smallSize } from './workload.ts'

const help = `npm run faults -- [options]

  --seed N        repeats a run's faults, writes and moves; default: a new one, which is printed
  --minutes M     how long faults come; default: 2
  --servers N     Rowcast servers, each a process of its own; default: 3
  --clients N     default: 12
  --faults a,b    only these kinds; all: ${faultKinds.join(', ')}
  --every S       seconds from one fault to the next, on average; default: 2.5
  --longest S     no fault lasts longer; default: up to 20
  --small         smaller tables
  --soak          watches memory: the first server is never ended, garbage is collected before each look
  --folder F      where the records go, to stay; default: a temporary folder, which stays after a failure
  --check FOLDER  judges the records of an earlier run once more
  --planted       plants known bugs in a copy of the source, and looks whether each is found
  --json          one object at the end, and nothing else on standard output
  --help`

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '2' },
    servers: { type: 'string', default: '3' },
    clients: { type: 'string', default: '12' },
    faults: { type: 'string' },
    every: { type: 'string', default: '2.5' },
    longest: { type: 'string' },
    small: { type: 'boolean', default: false },
    folder: { type: 'string' },
    check: { type: 'string' },
    soak: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(help)
  process.exit(0)
}

if (values.planted) process.exit((await findAll(console.log)) ? 0 : 1)

if (values.check !== undefined) {
  const { violations, counts } = check(readRecords(values.check))
  console.log(JSON.stringify(counts))
  for (const violation of violations) console.log(describe(violation))
  process.exit(violations.length > 0 ? 1 : 0)
}

const seed = values.seed === undefined ? randomInt(2 ** 31 - 1) : numberOf('seed', values.seed)
const minutes = numberOf('minutes', values.minutes)
const repeat = `npm run faults -- --seed ${seed} ${process.argv
  .slice(2)
  .filter((argument, i, all) => argument !== '--seed' && all[i - 1] !== '--seed')
  .join(' ')}`.trim()
const say = values.json ? console.error : console.log

say(`seed ${seed}: ${minutes} minutes of faults`)
const outcome = await run({
  seed,
  durationMs: minutes * 60_000,
  servers: numberOf('servers', values.servers),
  clients: numberOf('clients', values.clients),
  everyMs: numberOf('every', values.every) * 1_000,
  ...(values.longest !== undefined && { longestMs: numberOf('longest', values.longest) * 1_000 }),
  ...(values.faults !== undefined && { kinds: kindsOf(values.faults) }),
  size: values.small ? smallSize : fullSize,
  writers: 4,
  pauseMs: 100,
  bulkEveryMs: 45_000,
  isSoak: values.soak,
  ...(values.folder !== undefined && { folder: resolve(values.folder) }),
  restMs: 120_000,
  memoryEveryMs: 5_000,
  onProgress: (progress) => say(line(progress)),
})
if (values.json) console.log(JSON.stringify(reportOf(outcome)))
else console.log(textOf(outcome, values.soak))
const leaks = values.soak ? leaksOf(outcome.memory) : []
for (const leak of leaks) say(leak)
if (leaks.length > 0) process.exitCode = 1
if (hasFailed(outcome)) {
  for (const violation of outcome.verdict.violations) say(describe(violation))
  for (const trouble of outcome.troubles) say(trouble)
  say(`records: ${outcome.folder}\nrepeat: ${repeat}`)
  process.exitCode = 1
}
// What was left hanging on purpose does not keep it from ending.
process.exit()

function line({ atMs, faults, committed, deliveries, applied, resumes, resets, rssMb }: Progress): string {
  const memory = Object.entries(rssMb).map(([name, mb]) => `${name} ${mb.toFixed(0)}`)
  return (
    `${(atMs / 1000).toFixed(0).padStart(5)} s  ${faults} faults, ${committed} transactions, ${deliveries} messages, ` +
    `${applied} commits, ${resumes} resumes, ${resets} resets; MB: ${memory.join(', ')}`
  )
}

function numberOf(name: string, text: string): number {
  const number = Number(text)
  if (text.trim() !== '' && Number.isFinite(number) && number >= 0) return number
  console.error(`--${name} ${text}: a number is wanted`)
  process.exit(2)
}

function kindsOf(text: string): FaultKind[] {
  return text.split(',').map((name) => {
    const kind = faultKinds.find((known) => known === name)
    if (kind) return kind
    console.error(`--faults ${name}: there are ${faultKinds.join(', ')}`)
    process.exit(2)
  })
}
