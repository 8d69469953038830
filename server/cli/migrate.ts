import { Command } from 'commander'
import { migrate } from '../db/migrate.ts'
import { databaseOption, withDatabase } from './with-database.ts'

export function migrateCommand(): Command {
  return new Command('migrate')
    .summary("bring Rowcast's own schemas in a database up to date")
    .description(
      "Brings Rowcast's own schemas, meta and event, up to date. Safe to run again, and from several " +
        'machines at once. `dev` and `serve` do it by themselves.',
    )
    .option(...databaseOption)
    .addHelpText(
      'after',
      `
Examples:
  rowcast migrate
  rowcast migrate --database postgres://user:password@localhost:5432/app`,
    )
    .action(async ({ database }: { database?: string }) => {
      await withDatabase(database, (client) => migrate(client))
      console.log('The database is up to date.')
    })
}
