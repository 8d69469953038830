import { Command } from 'commander'
import type pg from 'pg'
import { UsageError } from './usage-error.ts'
import { databaseOption, withDatabase } from './with-database.ts'

interface Options {
  readonly database?: string
  readonly except?: readonly string[]
}

type Work = (client: pg.Client, relation: string, options: Options) => Promise<unknown>

export function trackCommand(): Command {
  return relationsCommand(
    'track',
    'make changes of tables live',
    'now tracked',
    (client, relation, { except }) =>
      client.query(`select event.track($1::regclass, "except" => $2)`, [relation, except]),
  )
    .description(
      'Installs capture on tables: from now on, each change of their rows is written to the change log, ' +
        "in the writer's own transaction. To be done once for a table, by its owner. It needs a primary key.",
    )
    .option(
      '--except <columns>',
      "columns of the table that are left out for everyone, with commas between; '' for none any more; what is not said stays as it is",
      (columns: string) => (columns === '' ? [] : columns.split(',')),
    )
    .addHelpText(
      'after',
      `
Examples:
  rowcast track person
  rowcast track shop.order shop.order_line '"MixedCase"'
  rowcast track account --except password_hash,reset_token`,
    )
}

export function untrackCommand(): Command {
  return relationsCommand('untrack', 'stop tracking tables', 'no longer tracked', (client, relation) =>
    client.query('select event.untrack($1::regclass)', [relation]),
  )
    .description('Takes capture off tables. Nothing of Rowcast stays on them; what was logged is kept.')
    .addHelpText(
      'after',
      `
Example:
  rowcast untrack person`,
    )
}

function relationsCommand(name: string, summary: string, done: string, work: Work): Command {
  return new Command(name)
    .summary(summary)
    .argument('<relation...>', 'tables as in SQL: name or schema.name, quoted where SQL wants it')
    .option(...databaseOption)
    .action((relations: string[], options: Options) => {
      if (options.except && relations.length > 1)
        throw new UsageError('--except names columns of one table: track the others by themselves.')
      return withDatabase(options.database, async (client) => {
        await client.query('begin') // all or none
        for (const relation of relations) await work(client, relation, options)
        await client.query('commit')
        for (const relation of relations) console.log(`${relation} is ${done}.`)
      })
    })
}
