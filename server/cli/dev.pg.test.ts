import { readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { startRowcast, type RowcastProcess } from '../../test/rowcast-process.ts'
import { temporaryFolder, type TemporaryFolder } from '../../test/temporary-folder.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const embedded = { DATABASE_URL: undefined }

test('dev runs a page on a database of its own, and Ctrl-C stops both', async () => {
  await using project = await viteProject()
  await using rowcast = startRowcast(['dev'], { cwd: project.path, env: embedded })
  const { url, database } = await started(rowcast)
  expect(await fetch(url).then((answer) => answer.text())).toContain('the page')
  expect(await handshake(url)).toContain('"sid"')
  const postgres = await postmasterPid(project)

  // What a terminal does; whoever started the process passes it on once more.
  process.kill(-(rowcast.child.pid ?? 0), 'SIGINT')
  rowcast.child.kill('SIGINT')

  expect(await rowcast.exitCode()).toBe(0)
  expect(() => process.kill(postgres, 0)).toThrow('ESRCH')
  await expect(fetch(url)).rejects.toThrow()
  await expect(query(database, 'select')).rejects.toThrow('ECONNREFUSED')
  expect(await readFile(join(project.path, '.rowcast/postgres/postgres.log'), 'utf8')).toContain(
    'database system is shut down',
  )
})

test('what the page asks while the database still starts is answered when it is there', async () => {
  await using project = await viteProject()
  await using rowcast = startRowcast(['dev'], { cwd: project.path, env: embedded })
  const [, url = ''] = await rowcast.until(/Local: +(\S+)/)
  expect(rowcast.output).not.toContain('Database:')
  expect(await handshake(url)).toContain('"sid"')
})

test('after kill -9 the next start works, on the same data and port', async () => {
  await using project = await viteProject()
  {
    await using rowcast = startRowcast(['dev'], { cwd: project.path, env: embedded })
    const { database } = await started(rowcast)
    await query(database, 'create table player (id int); insert into player values (7)')
    rowcast.child.kill('SIGKILL')
    await rowcast.exitCode()
  }
  await using rowcast = startRowcast(['dev'], { cwd: project.path, env: embedded })
  const { database } = await started(rowcast)
  expect(await query(database, 'select id from player')).toEqual([{ id: 7 }])
})

test(
  'a dev server that restarts for its config keeps one database and goes on answering',
  { timeout: 120_000 },
  async () => {
    await using project = await viteProject()
    await using rowcast = startRowcast(['dev'], { cwd: project.path, env: embedded })
    const { url, database } = await started(rowcast)
    const before = await countConnections(database)
    const lastPlace = (word: string) => rowcast.output.lastIndexOf(word)

    for (const _ of ['once', 'twice']) {
      await changeConfig(project, rowcast)
      await vi.waitFor(() => expect(lastPlace('Database:')).toBeGreaterThan(lastPlace('restarted')), patience)
    }
    expect(await handshake(url)).toContain('"sid"')
    expect(await countConnections(database)).toBe(before)

    rowcast.child.kill('SIGTERM')
    expect(await rowcast.exitCode()).toBe(0)
    await expect(query(database, 'select')).rejects.toThrow('ECONNREFUSED')
  },
)

test('dev says why when Rowcast cannot start, and exits with 1', async () => {
  await using project = await viteProject()
  const env = { DATABASE_URL: 'postgres://127.0.0.1:1/app' }
  await using rowcast = startRowcast(['dev'], { cwd: project.path, env })
  expect(await rowcast.exitCode()).toBe(1)
  expect(rowcast.output).toContain('ECONNREFUSED')
  expect(rowcast.output).not.toMatch(/\n {4}at /)
})

test('a project without the plugin is told to add it', async () => {
  await using project = await viteProject('export default {}\n')
  await using rowcast = startRowcast(['dev'], { cwd: project.path })
  expect(await rowcast.exitCode()).toBe(2)
  expect(rowcast.output).toContain("import { rowcast } from 'rowcast/vite'")
})

/** Until Vite has noticed: a change before it watches the file is none to it. */
async function changeConfig(project: TemporaryFolder, rowcast: RowcastProcess): Promise<void> {
  const before = count(rowcast, 'restarted')
  await vi.waitFor(
    async () => {
      await writeFile(join(project.path, 'vite.config.ts'), `${viteConfig}// ${Date.now()}\n`)
      await new Promise((resolve) => setTimeout(resolve, 3000))
      expect(count(rowcast, 'restarted')).toBeGreaterThan(before)
    },
    { ...patience, interval: 0 },
  )
}

function count({ output }: RowcastProcess, word: string): number {
  return output.split(word).length - 1
}

/** Other tests have the machine busy. */
const patience = { timeout: 30_000 }

const viteConfig = `
import { rowcast } from '${repository}server/vite.ts'
export default { plugins: [rowcast()], server: { port: 0 } }
`

async function viteProject(config = viteConfig): Promise<TemporaryFolder> {
  const project = await temporaryFolder({
    'package.json': '{ "type": "module" }',
    'index.html': '<p>the page</p>',
    'vite.config.ts': config,
  })
  await symlink(join(repository, 'node_modules'), join(project.path, 'node_modules'))
  return project
}

async function started(rowcast: RowcastProcess): Promise<{ url: string; database: string }> {
  const [, url = ''] = await rowcast.until(/Local: +(\S+)/)
  const [, database = ''] = await rowcast.until(/Database: +(\S+)/)
  return { url, database }
}

async function handshake(url: string): Promise<string> {
  const answer = await fetch(`${url}rowcast/?EIO=4&transport=polling`)
  return answer.text()
}

async function postmasterPid(project: TemporaryFolder): Promise<number> {
  const text = await readFile(join(project.path, '.rowcast/postgres/data/postmaster.pid'), 'utf8')
  return Number.parseInt(text)
}

async function countConnections(database: string): Promise<unknown> {
  await new Promise((resolve) => setTimeout(resolve, 500)) // those of the migration are still ending
  const [row] = await query(
    database,
    `select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'`,
  )
  return row?.['n']
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}
