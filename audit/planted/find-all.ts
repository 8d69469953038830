/** Plants one leak after the other, and says what the audit finds of each: `npm run planted-leaks`. */
import { describe } from '../findings.ts'
import { startTestServer, testServer } from '../../test/server.ts'
import { plantedLeaks, plantedSeed, plantedSize } from './leaks.ts'
import { auditWith } from './plant.ts'

const stop = await startTestServer()
const options = { url: testServer().url, seed: plantedSeed, seconds: 60 }
let missed = 0
for (const { name, kinds, edits, size } of plantedLeaks) {
  const { leaks } = await auditWith(edits, {
    ...options,
    size: { ...plantedSize, ...size },
    until: kinds,
  })
  const found = leaks.find(({ kind }) => kinds.includes(kind))
  if (!found) missed++
  console.log(
    `${found ? 'found' : 'MISSED'}  ${name}\n${found ? `seed ${found.seed}: ${describe(found)}` : kinds.join(' or ')}`,
  )
}
console.log(`${plantedLeaks.length - missed} of ${plantedLeaks.length} planted leaks found`)
await stop()
process.exit(missed > 0 ? 1 : 0)
