import { describe } from '../findings.ts'
import { plantedBugs, shortRun } from './bugs.ts'
import { tryWith } from './plant.ts'

/** Plants one bug after the other, and says what the checker finds of each. @returns whether it finds all */
export async function findAll(say: (line: string) => void): Promise<boolean> {
  let missed = 0
  for (const { name, kinds, edits, run } of plantedBugs) {
    const { violations } = await tryWith(edits, { ...shortRun, ...run })
    const found = violations.find(({ kind }) => kinds.includes(kind))
    if (!found) missed++
    say(`${found ? 'found' : 'MISSED'}  ${name}\n        ${found ? describe(found) : kinds.join(' or ')}`)
  }
  const { violations } = await tryWith([], shortRun)
  for (const violation of violations) say(`without any bug: ${describe(violation)}`)
  say(`${plantedBugs.length - missed} of ${plantedBugs.length} planted bugs found`)
  return missed === 0 && violations.length === 0
}
