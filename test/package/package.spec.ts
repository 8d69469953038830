import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test as base } from 'playwright/test'
import { createTestDatabase } from '../database.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { readmeBlocks } from './readme-blocks.ts'
import { runProgram, startProgram } from './run-program.ts'
import { viteApp } from './vite-app.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))

interface Packed {
  /** The path of rowcast-*.tgz. */
  readonly file: string
  readonly contents: readonly string[]
}

/** The package, built and packed once; and an app that has installed it and follows the README. */
const test = base.extend<object, { packed: Packed; app: string }>({
  packed: [
    // Playwright reads the names of the fixtures that a fixture wants from this pattern.
    // oxlint-disable-next-line no-empty-pattern
    async ({}, use) => {
      await using folder = await temporaryFolder()
      const output = await runProgram(repository, 'npm', 'pack', '--json', '--pack-destination', folder.path)
      const [{ filename = '', files = [] } = {}] = JSON.parse(output.slice(output.indexOf('['))) as {
        filename: string
        files: { path: string }[]
      }[]
      await use({ file: join(folder.path, filename), contents: files.map(({ path }) => path) })
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  app: [
    async ({ packed }, use) => {
      await using app = await temporaryFolder(await viteApp())
      const install = ['install', '--prefer-offline', '--no-audit', '--no-fund']
      await runProgram(app.path, 'npm', ...install, packed.file)
      for (const [title, code] of await readmeBlocks()) {
        if (title === 'psql') continue
        await mkdir(dirname(join(app.path, title)), { recursive: true })
        await writeFile(join(app.path, title), code)
      }
      await use(app.path)
    },
    { scope: 'worker', timeout: 300_000 },
  ],
})

test.describe.configure({ mode: 'default' })

test('the package holds what users need, and nothing else', ({ packed }) => {
  const rest = packed.contents.filter(
    (path) => !/^dist\/(audit|client|server|shared)\/.*\.(js|d\.ts)$|^dist\/sql\/.*\.sql$/.test(path),
  )
  expect(rest.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'])
  expect(packed.contents.filter((path) => /\.test|testing|demo/.test(path))).toEqual([])
})

test('the README’s example shows in a fresh Vite app what changes in the database', async ({ app, page }) => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await using vite = startProgram(app, { DATABASE_URL: database.url }, 'npm', 'run', 'dev')
  await page.goto(await vite.until(/Local: +(\S+)/))
  await expect(page.getByRole('list')).toBeAttached()

  await client.query((await readmeBlocks()).get('psql') ?? '')
  await expect(page.getByRole('listitem')).toHaveText(['Ann', 'Bob'])
  await client.query(`update person set name = 'Zoe' where id = 1`)
  await expect(page.getByRole('listitem')).toHaveText(['Bob', 'Zoe'])
  await client.query(`delete from person where id = 2`)
  await expect(page.getByRole('listitem')).toHaveText(['Zoe'])
})

test('the README’s example type-checks and builds', async ({ app }) => {
  await runProgram(app, 'npm', 'run', 'build')
})

test('wrong names of tables and columns do not compile, whichever way modules are resolved', async ({
  app,
}) => {
  await writeFile(join(app, 'src/wrong.tsx'), wrong)
  try {
    for (const options of [[], ['--module', 'nodenext', '--moduleResolution', 'nodenext']])
      await runProgram(app, 'npx', 'tsc', '--project', 'tsconfig.app.json', ...options)
  } finally {
    await writeFile(join(app, 'src/wrong.tsx'), 'export {}\n')
  }
})

test('the server and the plugin have types, too', async ({ app }) => {
  await writeFile(join(app, 'server.ts'), server)
  await runProgram(
    app,
    'npx',
    'tsc',
    ...[
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
    ],
    'server.ts',
  )
})

test('the command line works from the package', async ({ app }) => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query('create table player (id int primary key); drop schema event, meta cascade')
  expect(await runProgram(app, 'npx', 'rowcast', 'migrate', '--database', database.url)).toContain(
    'up to date',
  )
  expect(await runProgram(app, 'npx', 'rowcast', 'track', 'player', '-d', database.url)).toContain(
    'now tracked',
  )
})

const wrong = `
import { useTable } from 'rowcast/react'
// @ts-expect-error there is no such table
export const useNothing = () => useTable('persons')
// @ts-expect-error there is no such column
export const useOrdered = () => useTable('person', { orderBy: { nam: 'asc' } })
export const useName = () => {
  const people = useTable('person')
  // @ts-expect-error a name is a string
  return people.status === 'ready' ? people.data.map((person): number => person.name) : []
}
`

const server = `
import { createServer } from 'node:http'
import { createClient } from 'rowcast/client'
import { createRowcast, RowcastError, type Rowcast } from 'rowcast/server'
import { rowcast } from 'rowcast/vite'

export const running: Rowcast = await createRowcast({
  httpServer: createServer(),
  authenticate: ({ auth }) => ({ role: String(auth['role']), claims: {} }),
  setup: async (client) => void (await client.query('select 1')),
})
// @ts-expect-error a role is a text
export const refused = () => createRowcast({ httpServer: createServer(), authenticate: () => ({ role: 1, claims: {} }) })
export const { rows } = await running.pool.query<{ n: number }>('select 1 as n')
export const n: number | undefined = rows[0]?.n
export const plugin = rowcast({ path: '/live' })
export const client = createClient({ url: 'http://localhost:3000' })
export const error: Error = new RowcastError('internal', '')
`
