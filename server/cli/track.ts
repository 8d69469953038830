import { Command } from 'commander'
import { databaseOption, withDatabase } from './with-database.ts'

export function trackCommand(): Command {
  return relationsCommand('track', 'make changes of tables live', 'now tracked')
    .description(
      'Installs capture on tables: from now on, each change of their rows is written to the change log, ' +
        "in the writer's own transaction. To be done once for a table, by its owner. It needs a primary key.",
    )
    .addHelpText(
      'after',
      `
Examples:
  rowcast track person
  rowcast track shop.order shop.order_line '"MixedCase"'`,
    )
}

export function untrackCommand(): Command {
  return relationsCommand('untrack', 'stop tracking tables', 'no longer tracked')
    .description('Takes capture off tables. Nothing of Rowcast stays on them; what was logged is kept.')
    .addHelpText(
      'after',
      `
Example:
  rowcast untrack person`,
    )
}

function relationsCommand(name: 'track' | 'untrack', summary: string, done: string): Command {
  return new Command(name)
    .summary(summary)
    .argument('<relation...>', 'tables as in SQL: name or schema.name, quoted where SQL wants it')
    .option(...databaseOption)
    .action((relations: string[], { database }: { database?: string }) =>
      withDatabase(database, async (client) => {
        await client.query('begin') // all or none
        for (const relation of relations) await client.query(`select event.${name}($1::regclass)`, [relation])
        await client.query('commit')
        for (const relation of relations) console.log(`${relation} is ${done}.`)
      }),
    )
}
