import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { createTestDatabase } from './database.ts'
import { PsqlSession } from './psql-session.ts'

const prompt = '=> '

/** What the README shows of psql: all its transcripts, one after the other. */
async function readTranscript(): Promise<string[]> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const blocks = readme.matchAll(/^```text title="psql"\n(.*?)^```$/gms)
  return [...blocks].flatMap(([, block = '']) => block.split('\n'))
}

/** Without what differs from one run to the next: ids, transactions, processes; nor blanks at the end. */
function comparable(lines: readonly string[]): string[] {
  return lines
    .map((line) =>
      line
        .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
        .replace(/"seq":\d+/g, '"seq":<number>')
        .replace(/"transaction":"\d+"/g, '"transaction":"<number>"')
        .replace(/PID \d+/g, 'PID <number>')
        .trimEnd(),
    )
    .filter((line) => line !== '')
}

test('E-41 to E-43: the transcript in the README is what psql shows', async () => {
  await using database = await createTestDatabase()
  const psql = new PsqlSession(await database.connect())
  const transcript = await readTranscript()
  const statements = transcript
    .filter((line) => line.startsWith(prompt))
    .map((line) => line.slice(prompt.length))
  expect(statements.length).toBeGreaterThan(10)

  const replayed: string[] = []
  for (const statement of statements) replayed.push(prompt + statement, ...(await psql.run(statement)))

  expect(comparable(replayed)).toEqual(comparable(transcript))
})

test('the replay formats tables as psql does', async () => {
  await using database = await createTestDatabase()
  const psql = new PsqlSession(await database.connect())
  expect(await psql.run(`select 1 as n, 'text' as a_long_name, null as "null";`)).toEqual([
    ' n | a_long_name | null',
    '---+-------------+------',
    ' 1 | text        |',
    '(1 row)',
    '',
  ])
})
