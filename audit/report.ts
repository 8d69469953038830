import type { AuditOutcome } from './audit.ts'
import { describe } from './findings.ts'
import type { Outcome } from './run.ts'

export function hasFailed({ leaks, faults }: AuditOutcome): boolean {
  return leaks.length > 0 || faults.length > 0
}

/** One line of progress. */
export function runLine({ seed, counts, findings }: Outcome): string {
  const { clients, commits, changesOfRights, bytes, compared } = counts
  const found = findings.length === 0 ? '' : `, ${findings.length} FINDINGS`
  return (
    `seed ${seed}: ${clients} clients, ${commits} transactions, ${changesOfRights} changes of rights, ` +
    `${(bytes / 1000).toFixed(0)} kB sent, ${compared} comparisons${found}`
  )
}

/** The outcome for people. */
export function textOf(outcome: AuditOutcome): string {
  const { seed, runs, seconds, postgres, counts, leaks, faults } = outcome
  const number = (value: number): string => value.toLocaleString('en-US')
  return [
    leaks.length > 0
      ? `LEAKS: ${leaks.length}`
      : faults.length > 0
        ? `no leak, but ${faults.length} other findings`
        : 'no leak',
    `runs          ${runs} random worlds, seeds ${seed} to ${seed + runs - 1}, ${seconds.toFixed(0)} s, PostgreSQL ${postgres}`,
    `clients       ${number(counts.clients)}, each with an identity of its own or of a twin`,
    `transactions  ${number(counts.commits)}, ${number(counts.changesOfRights)} of which changed policies, grants or roles`,
    `sent          ${number(counts.bytes)} bytes in ${number(counts.frames)} messages: ${number(counts.values)} values and ${number(counts.deletes)} deletes judged`,
    `compared      ${number(counts.compared)} subscriptions with select, at the client's position and as its identity; ${number(counts.refusals)} refusals`,
    `loosely       ${number(counts.loose)}, within the time in which a change of rights may take effect`,
    ...[...leaks, ...faults].flatMap((finding) => [
      '',
      `${describe(finding)}\n  again: rowcast audit --seed ${finding.seed} --seconds 1`,
    ]),
  ].join('\n')
}
