#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { existsSync } from 'node:fs'
import { release } from '../release.ts'
import { auditCommand } from './audit.ts'
import { checkCommand } from './check.ts'
import { devCommand } from './dev.ts'
import { explain } from './explain.ts'
import { logCommand } from './log.ts'
import { migrateCommand } from './migrate.ts'
import { serveCommand } from './serve.ts'
import { sessionsCommand } from './sessions.ts'
import { trackCommand, untrackCommand } from './track.ts'

const program = new Command('rowcast')
  .description('PostgreSQL rows, live in React.')
  .version(release, '-V, --version')
  .showHelpAfterError('(rowcast --help says more)')
  .addHelpText(
    'after',
    `
DATABASE_URL, also from a file .env in this folder, says where the database is.

Exit codes: 0 done, 1 failed, 2 wrongly called.`,
  )
for (const command of [
  devCommand(),
  serveCommand(),
  migrateCommand(),
  checkCommand(),
  trackCommand(),
  untrackCommand(),
  sessionsCommand(),
  logCommand(),
  auditCommand(),
])
  program.addCommand(command)
for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)])
  command.exitOverride()

if (existsSync('.env')) process.loadEnvFile('.env')
try {
  await program.parseAsync()
} catch (error) {
  // Commander has said its own, help and version included.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2)
  const { text, exitCode } = explain(error)
  console.error(`rowcast: ${text}`)
  process.exit(exitCode)
}
