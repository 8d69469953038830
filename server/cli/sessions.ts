import { Command, InvalidArgumentError } from 'commander'
import { Sessions, type SessionInfo } from '../session/sessions.ts'
import { moment, textTable } from './text-table.ts'
import { databaseOption, withDatabase } from './with-database.ts'

interface ListOptions {
  readonly database?: string
  readonly role?: string
  readonly sub?: string
  readonly limit: number
  readonly json?: true
}

export function sessionsCommand(): Command {
  return new Command('sessions')
    .summary('list sessions, and end them')
    .description(
      'A session is what a browser tab, or a connection in SQL, follows and how far it has come. It outlives ' +
        'connections and servers, until it expires or is ended.',
    )
    .addHelpText('after', examples)
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(endCommand())
}

function listCommand(): Command {
  return new Command('list')
    .summary('list sessions, those that were seen last first (the default)')
    .option('-r, --role <role>', 'of this database role only')
    .option('-s, --sub <sub>', 'of this user only: the claim `sub`')
    .option('-n, --limit <number>', 'so many at the most', parseLimit, 100)
    .option('--json', 'as JSON, one session a line')
    .option(...databaseOption)
    .addHelpText('after', examples)
    .action(({ database, json, ...filter }: ListOptions) =>
      withDatabase(database, async (client) => {
        const found = await new Sessions(client).list({ ...filter, limit: filter.limit + 1 })
        const sessions = found.slice(0, filter.limit)
        if (json) for (const session of sessions) console.log(JSON.stringify(session))
        else if (sessions.length === 0) console.log('There are no sessions.')
        else console.log(table(sessions))
        if (found.length > sessions.length) console.error('rowcast: there are more; --limit shows them')
      }),
    )
}

function endCommand(): Command {
  return new Command('end')
    .summary('end sessions: what they follow and their inbox are gone, their connections are cut')
    .argument('<id...>', 'as `rowcast sessions` lists them')
    .option(...databaseOption)
    .addHelpText('after', examples)
    .action((ids: string[], { database }: { database?: string }) =>
      withDatabase(database, async (client) => {
        await client.query('begin') // all or none
        for (const id of ids) await new Sessions(client).end(id)
        await client.query('commit')
        for (const id of ids) console.log(`${id} has been ended.`)
      }),
    )
}

const examples = `
Examples:
  rowcast sessions
  rowcast sessions --role app_user --sub ann
  rowcast sessions list --json | jq 'select(.isAttached)'
  rowcast sessions end 3f0c8b6e-2f6b-4b8e-9f43-1c2d3e4f5a6b`

function table(sessions: readonly SessionInfo[]): string {
  const rows = sessions.map((session) => [
    session.id,
    session.role,
    session.sub ?? '',
    session.isAttached ? 'in use' : moment(session.lastSeenAt),
    session.expiresAt ? moment(session.expiresAt) : 'never',
    String(session.subscriptions),
  ])
  return textTable([['id', 'role', 'sub', 'last seen', 'expires', 'follows'], ...rows])
}

function parseLimit(text: string): number {
  const limit = Number(text)
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('It must be a number from 1 up.')
  return limit
}
