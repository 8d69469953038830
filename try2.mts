import { audit } from './audit/audit.ts'
import { describe } from './audit/findings.ts'
import { textOf } from './audit/report.ts'
import { startEmbeddedPostgres } from './server/embedded/embedded-postgres.ts'
import { writeFileSync } from 'node:fs'
const embedded = process.env.AUDIT_URL ? undefined : await startEmbeddedPostgres({ folder: '/tmp/audit-pg-' + process.pid, temporary: true, settings: {max_connections:'200'} })
const skip = new Set((process.env.SKIP ?? '').split(','))
for (const seed of process.argv.slice(2).map(Number)) {
  const outcome = await audit({ url: process.env.AUDIT_URL ?? embedded!.url, seed, seconds: 0, onRun: (one) => {
    const left = one.findings.filter((f) => !skip.has(f.kind))
    if (left.length > 0) writeFileSync(`/tmp/audit-records-${seed}.json`, JSON.stringify(one.clients.map(({name,records})=>({name,records}))))
    if (left.length > 0) writeFileSync(`/tmp/audit-commits-${seed}.json`, JSON.stringify({setup: one.setup, commits: one.commits?.map((c:any,i:number)=>({i,xid:String(c.xid),what:c.what,at:c.committedAt}))},null,1))
    console.log(seed, JSON.stringify(one.counts))
    for (const f of left) console.log(describe({...f, frame: f.frame?.slice(0,900)}).slice(0,3000))
  } })
}
await embedded?.stop()
process.exit()
