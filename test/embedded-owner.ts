/** A process that runs an embedded PostgreSQL until it is killed: `embedded-owner.ts <folder> [temporary]`. */
import { startEmbeddedPostgres } from '../server/embedded/embedded-postgres.ts'

const [folder = '', temporary] = process.argv.slice(2)
const postgres = await startEmbeddedPostgres({ folder, temporary: temporary === 'temporary' })
process.on('SIGINT', () => undefined) // as a program does that still has to close its connections
console.log(`ready ${postgres.url}`)
setInterval(() => undefined, 1000)
