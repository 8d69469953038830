import { Command } from 'commander'
import type pg from 'pg'
import { readInstallation } from '../db/installation.ts'
import { migrate } from '../db/migrate.ts'
import { release } from '../release.ts'
import { databaseOption, withDatabase } from './with-database.ts'

interface MigrateOptions {
  readonly database?: string
  readonly serverRole?: string
}

export function migrateCommand(): Command {
  return new Command('migrate')
    .summary("bring Rowcast's own schemas in a database up to date")
    .description(
      "Brings Rowcast's own schemas, meta and event, up to date. Safe to run again, and from several " +
        'machines at once. `dev` and `serve` do it by themselves, unless they run as a role that may not.\n\n' +
        'With --server-role it also grants a role what a server needs in these schemas, no more, and prints the ' +
        'statements; in SQL, event.grant_server() does so. Each later migration grants what is new.',
    )
    .option('--server-role <name>', 'let this role run servers; it is created if there is none of the name')
    .option(...databaseOption)
    .addHelpText(
      'after',
      `
Examples:
  rowcast migrate
  rowcast migrate --database postgres://owner:password@localhost:5432/app --server-role rowcast_server`,
    )
    .action(({ database, serverRole }: MigrateOptions) =>
      withDatabase(database, async (client) => {
        await bringUpToDate(client)
        if (serverRole !== undefined) await letRunServers(client, serverRole)
      }),
    )
}

async function bringUpToDate(client: pg.Client): Promise<void> {
  const { state, release: installed } = await readInstallation(client)
  if (state === 'newer')
    throw new Error(
      `the database has been brought up to date by release ${installed}, which is newer than this one, ${release}: nothing was done`,
    )
  await migrate(client)
  console.log('The database is up to date.')
}

/** In one transaction: a role that is created has what it needs. */
async function letRunServers(client: pg.Client, role: string): Promise<void> {
  await client.query('begin')
  const { rows } = await client.query<{ name: string; isMissing: boolean }>(
    `select format('%I', $1::text) as name, not exists (select from pg_roles where rolname = $1) as "isMissing"`,
    [role],
  )
  const { name = '', isMissing } = rows[0] ?? {}
  const statements: string[] = []
  if (isMissing) {
    // What it may become it is not by itself.
    const create = `create role ${name} login noinherit`
    await client.query(create)
    statements.push(create)
  }
  const granted = await client.query<{ statement: string }>('select event.grant_server($1) as statement', [
    role,
  ])
  await client.query('commit')
  for (const statement of [...statements, ...granted.rows.map((row) => row.statement)])
    console.log(`${statement};`)
  console.log(
    `${name} may run servers here. Give it a password, if it needs one, and the roles that authenticate() gives: ` +
      `grant app_user to ${name}. \`rowcast check\`, run as ${name}, says what is missing.`,
  )
}
