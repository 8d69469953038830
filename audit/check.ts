import { checkFrames } from './check-frames.ts'
import { checkHoldings } from './check-holdings.ts'
import { noCounts, type CheckParts, type Counts } from './check-parts.ts'
import { Findings, type Finding } from './findings.ts'
import type { ClientRecords } from './records.ts'

export interface Verdict {
  readonly findings: readonly Finding[]
  readonly counts: Counts
}

/** Decides from records alone whether anybody was sent, or shown, what `select` did not return to him there. */
export function check(
  clients: readonly ClientRecords[],
  parts: Omit<CheckParts, 'counts' | 'findings'>,
): Verdict {
  const findings = new Findings()
  const counts = noCounts()
  counts.clients = clients.length
  counts.commits = parts.history.last
  counts.changesOfRights = parts.history.commits.filter(({ isUnlogged }) => isUnlogged).length
  for (const client of clients) {
    checkFrames(client, { ...parts, counts, findings })
    checkHoldings(client, { ...parts, counts, findings })
  }
  return { findings: findings.all, counts }
}
