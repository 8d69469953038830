/**
 * Runs every test: `npm test`. Arguments after `--` choose:
 *
 *   npm test -- --only unit,pg        some kinds of tests: unit, pg, faults, e2e, package
 *   npm test -- server/log            tests whose file matches
 *
 * Ends with the plain line `N passed, N failed`, and with 0 only if nothing has failed.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import browserSetup from './browser-setup.ts'
import { failedToRun, playwrightCounts, sum, summary, vitestCounts, type Counts } from './counts.ts'
import { startTestServer } from './server.ts'

const kinds = ['unit', 'pg', 'faults', 'e2e', 'package'] as const
type Kind = (typeof kinds)[number]

const { values, positionals } = parseArgs({ options: { only: { type: 'string' } }, allowPositionals: true })
const chosen = parseKinds(values.only)
const require = createRequire(import.meta.url)
const reports = await mkdtemp(join(tmpdir(), 'rowcast-reports-'))
let running: ChildProcess | undefined
let isInterrupted = false
// The test process ends first, then this one, in good order. Ctrl-C has reached both already.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    isInterrupted = true
    if (signal !== 'SIGINT') running?.kill(signal)
  })

const stopServer = await startTestServer()
const results: Counts[] = []
try {
  const byVitest = chosen.filter((kind) => kind === 'unit' || kind === 'pg')
  if (byVitest.length > 0) results.push(await vitest(byVitest))
  // By itself: what is broken on purpose should not be slow for another reason.
  if (chosen.includes('faults') && !isInterrupted) results.push(await vitest(['faults']))
  const byPlaywright = chosen.filter((kind) => kind === 'e2e' || kind === 'package')
  if (byPlaywright.length > 0 && !isInterrupted) await browserSetup()
  // One after the other: an npm install beside them would take the browsers' time.
  for (const kind of byPlaywright) if (!isInterrupted) results.push(await playwright(kind))
} finally {
  await stopServer()
  await rm(reports, { recursive: true, force: true })
}
const total = sum(isInterrupted ? [...results, failedToRun] : results)
console.log(summary(total))
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

function parseKinds(only: string | undefined): readonly Kind[] {
  if (only === undefined) return kinds
  const names = only.split(',')
  const unknown = names.filter((name) => !kinds.some((kind) => kind === name))
  if (unknown.length > 0) {
    console.error(`--only ${unknown.join()}: there are ${kinds.join(', ')}`)
    process.exit(2)
  }
  return kinds.filter((kind) => names.includes(kind))
}

async function vitest(projects: readonly Kind[]): Promise<Counts> {
  const report = join(reports, 'vitest.json')
  const program = join(require.resolve('vitest/package.json'), '../vitest.mjs')
  const code = await run(program, [
    'run',
    ...projects.flatMap((project) => ['--project', project]),
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...positionals,
  ])
  return vitestCounts(await readReport(report), code) ?? failedToRun
}

async function playwright(project: Kind): Promise<Counts> {
  const report = join(reports, `${project}.json`)
  const program = join(require.resolve('playwright/package.json'), '../cli.js')
  const code = await run(
    program,
    ['test', `--project=${project}`, '--pass-with-no-tests', '--reporter=list,json', ...positionals],
    { PLAYWRIGHT_JSON_OUTPUT_FILE: report },
  )
  return playwrightCounts(await readReport(report), code) ?? failedToRun
}

function run(program: string, args: readonly string[], environment = {}): Promise<number | null> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  running = child
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code))
  })
}

async function readReport(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch(() => 'null') // the process ended before it could write
  return JSON.parse(text) as unknown
}
