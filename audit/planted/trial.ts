/** Audits with the options that its argument holds as JSON, and prints what came of it. */
import { audit, type AuditOptions } from '../audit.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as AuditOptions
console.log(JSON.stringify(await audit(options)))
process.exit() // whatever still holds it open
