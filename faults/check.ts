import { ClientCheck, type ClientCounts, type Ending } from './client-check.ts'
import { Findings, type Violation } from './findings.ts'
import { rowsOf, statementOf, textOfRow, type FaultRecord, type Run, type Selected } from './records.ts'
import { checkStates, isSame, type Observation, type StateCounts } from './state-check.ts'
import { qualified, keyOf, shownData, Truth } from './truth.ts'

export interface Counts extends ClientCounts, StateCounts {
  clients: number
  faults: number
  transactions: number
  /** Subscriptions that were compared with `select` when everything had come to rest. */
  endings: number
}

export interface Verdict {
  readonly violations: readonly Violation[]
  readonly counts: Counts
}

/** What a run must have had something of, unless it is told that it need not. */
const needed = [
  'transactions',
  'commits',
  'renders',
  'statements',
  'sums',
  'recorded',
  'deliveries',
  'resumesChecked',
  'endings',
] as const satisfies readonly (keyof Counts)[]
export type Needed = (typeof needed)[number]

/**
 * Decides from the records of a run, one list for each file, what went wrong in it. A check that had nothing to
 * check is a violation of its own.
 *
 * @param options.without what the run was not made for, e.g. `renders` where no page was rendered
 */
export function check(
  files: readonly (readonly FaultRecord[])[],
  { without = [] }: { without?: readonly Needed[] } = {},
): Verdict {
  const findings = new Findings()
  const records = files.flat()
  const run = records.find((record) => record.kind === 'run')
  const counts = noCounts()
  if (run) judge(run, records, findings, counts)
  else findings.add('records', {}, 'there is no record of what the world was')
  for (const name of needed)
    if (counts[name] === 0 && !without.includes(name))
      findings.add('unchecked', { subscription: name }, `the run had no ${name} to be checked`)
  return { violations: findings.violations, counts }
}

function judge(run: Run, records: readonly FaultRecord[], findings: Findings, counts: Counts): void {
  const committed = records
    .filter((record) => record.kind === 'wrote')
    .filter(({ isCommitted }) => isCommitted)
  const faults = records.filter((record) => record.kind === 'fault')
  counts.transactions = committed.length
  counts.faults = faults.filter(({ phase }) => phase !== 'end').length
  const truth = new Truth(run.tables, committed)
  const tables = records.filter((record) => record.kind === 'selected')
  checkTruth(truth, tables, findings)

  const clients = new Map<string, ClientCheck>()
  for (const record of records) {
    if (!('client' in record)) continue
    let client = clients.get(record.client)
    if (!client) {
      const isExpected = (reason: string, at: number) =>
        faults.some((fault) => fault.leadsTo?.some((one) => one === reason) && fault.at <= at)
      client = new ClientCheck(record.client, truth, findings, counts, isExpected)
      clients.set(record.client, client)
    }
    client.take(record)
  }
  counts.clients = clients.size
  const observations: Observation[] = []
  for (const client of clients.values()) {
    counts.endings += checkEnding(client.close(), truth, tables, findings)
    for (const observation of client.observations) observations.push(observation)
  }
  Object.assign(counts, checkStates(observations, truth, findings))
}

/** What the writers say that they did must come to what the tables hold, or nothing can be judged by it. */
function checkTruth(truth: Truth, tables: readonly Selected[], findings: Findings): void {
  truth.moveToEnd()
  for (const relation of truth.relations) {
    const selected = tables.find((table) => table.relation === relation)
    if (!selected) {
      findings.add('unchecked', { subscription: relation }, 'its rows were not read at the end')
      continue
    }
    const subscription = { kind: 'table' as const, relation }
    const [told, found] = [truth.statement(subscription), statementOf(subscription, selected.rows)]
    if (!isSame(told, found))
      findings.add(
        'records',
        { subscription: relation },
        `what was written comes to ${JSON.stringify(told)}, and select returns ${JSON.stringify(found)}`,
      )
  }
}

/** At rest everything that a client follows is what `select` returns. Tells how much was compared. */
function checkEnding(
  { client, followed, ended }: Ending,
  truth: Truth,
  tables: readonly Selected[],
  findings: Findings,
): number {
  if (!ended) {
    findings.add('end', { client }, 'it did not come to its end')
    return 0
  }
  for (const [name, subscription] of followed) {
    const place = { client, subscription: name, position: ended.position }
    const relation = qualified(subscription.relation)
    const rows = tables.find((table) => table.relation === relation)?.rows
    if (!rows) continue // said already
    if (!(name in ended.held)) {
      findings.add('end', place, 'it is not held')
      continue
    }
    const spec = truth.spec(relation)
    const selected = new Map(rows.map((row) => [keyOf(spec, row), row]))
    const should = shownData(subscription, spec, selected)
    if (isSame(statementOf(subscription, should), statementOf(subscription, ended.held[name]))) continue
    const [expected, found] = [rowsOf(subscription, should), rowsOf(subscription, ended.held[name])]
    const texts = new Set(expected.map((row) => textOfRow(row)))
    const other = found.find((row) => !texts.has(textOfRow(row)))
    findings.add(
      'end',
      place,
      `expected ${expected.length} rows, found ${found.length}; not expected: ${JSON.stringify(other)}`,
    )
  }
  return followed.size
}

function noCounts(): Counts {
  return {
    clients: 0,
    faults: 0,
    transactions: 0,
    pages: 0,
    connections: 0,
    commits: 0,
    renders: 0,
    recorded: 0,
    resumes: 0,
    resumesChecked: 0,
    resets: { epoch_changed: 0, position_expired: 0 },
    batches: 0,
    repeatedBatches: 0,
    deliveries: 0,
    snapshots: 0,
    positions: 0,
    statements: 0,
    sums: 0,
    endings: 0,
    longestDelayMs: 0,
  }
}
