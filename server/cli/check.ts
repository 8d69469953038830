import { Command } from 'commander'
import { check } from '../check/check.ts'
import { topics, type Finding } from '../check/finding.ts'
import { databaseOption, withDatabase } from './with-database.ts'

interface CheckOptions {
  readonly database?: string
  readonly role?: string[]
  readonly json?: true
}

export function checkCommand(): Command {
  return new Command('check')
    .summary('look whether a server can run on a database, and who sees what')
    .description(
      'Looks, as the user that the server is to run as, whether all is there that it needs: grants, roles of clients, ' +
        'capture of tracked tables; and for what is better known, such as policies that read tables which are not tracked, or ' +
        'columns named like secrets. Says what puts it right, and changes nothing. Exit code 1 if something needed is missing.',
    )
    .option(
      '-r, --role <name...>',
      'roles that authenticate() gives (default: those that tracked tables name)',
    )
    .option('--json', 'as JSON')
    .option(...databaseOption)
    .addHelpText(
      'after',
      `
Examples:
  rowcast check --database postgres://rowcast_server:password@localhost:5432/app
  rowcast check --role app_user --role app_admin
  rowcast check --json | jq '.findings[] | select(.state == "missing")'`,
    )
    .action(({ database, role = [], json }: CheckOptions) =>
      withDatabase(database, async (client) => {
        const findings = await check(client, role)
        const isReady = findings.every(({ state }) => state !== 'missing')
        console.log(json ? JSON.stringify({ isReady, findings }, null, 2) : describe(findings))
        if (!isReady) process.exitCode = 1
      }),
    )
}

const marks = { ok: '✓', hint: '!', missing: '✗' } as const

function describe(findings: readonly Finding[]): string {
  const paragraphs = Object.entries(topics).flatMap(([topic, title]) => {
    const lines = findings.filter((finding) => finding.topic === topic).map(line)
    return lines.length > 0 ? [[title, ...lines].join('\n')] : []
  })
  return [...paragraphs, summary(findings)].join('\n\n')
}

function line({ state, text, remedy }: Finding): string {
  return [`  ${marks[state]} ${text}`, ...remedy.map((each) => `      ${each}`)].join('\n')
}

function summary(findings: readonly Finding[]): string {
  const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length
  const [missing, hints] = [count('missing'), count('hint')]
  const also =
    hints > 0 ? ` ${hints === 1 ? 'One line' : `${hints} lines`} marked ! may be worth a look.` : ''
  return missing > 0
    ? `A server cannot run as it should: see ${missing === 1 ? 'the line' : `the ${missing} lines`} marked ✗.${also}`
    : `A server can run here.${also}`
}
