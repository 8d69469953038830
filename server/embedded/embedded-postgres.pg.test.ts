import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, readFile, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { canEnter } from './system-user.ts'

test('the database is kept from one run to the next', async () => {
  await using project = await temporaryFolder()
  const folder = join(project.path, 'postgres')

  const first = await startEmbeddedPostgres({ folder })
  await query(first.url, 'create table player (id int); insert into player values (7)')
  await first.stop()
  await expect(query(first.url, 'select')).rejects.toThrow('ECONNREFUSED')

  const second = await startEmbeddedPostgres({ folder })
  expect(await query(second.url, 'select id from player')).toEqual([{ id: 7 }])
  await second.stop()
})

test('another port is taken when something listens on the usual one', async () => {
  await using project = await temporaryFolder()
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const postgres = await startEmbeddedPostgres({
    folder: join(project.path, 'postgres'),
    port,
    temporary: true,
  })
  expect(new URL(postgres.url).port).not.toBe(String(port))
  await query(postgres.url, 'select')
  await postgres.stop()
  other.close()
})

test('a lock file whose number now belongs to another program does not stand in the way', async () => {
  await using project = await temporaryFolder()
  const folder = join(project.path, 'postgres')
  const first = await startEmbeddedPostgres({ folder })
  const lock = await readFile(join(folder, 'data/postmaster.pid'), 'utf8')
  await first.stop()
  await writeFile(join(folder, 'data/postmaster.pid'), lock.replace(/^\d+/, String(process.pid)))

  const second = await startEmbeddedPostgres({ folder })
  await query(second.url, 'select')
  await second.stop()
})

test('two that use one folder at once share the server, whoever was first', async () => {
  await using project = await temporaryFolder()
  const folder = join(project.path, 'postgres')
  await using owner = await startOwner(folder)
  const guest = await startEmbeddedPostgres({ folder })
  expect(guest.isOwn).toBe(false)
  expect(guest.url).toBe(owner.url)
  await guest.stop()
  await query(owner.url, 'select')
})

test('a process that is killed takes its server along, and the next start finds all data', async () => {
  await using project = await temporaryFolder()
  const folder = join(project.path, 'postgres')
  {
    await using owner = await startOwner(folder)
    await query(owner.url, 'create table player (id int); insert into player values (7)')
    owner.kill('SIGKILL')
  }
  const next = await startEmbeddedPostgres({ folder })
  expect(next.isOwn).toBe(true)
  expect(await query(next.url, 'select id from player')).toEqual([{ id: 7 }])
  await next.stop()
})

test('Ctrl-C, which the whole process group gets, leaves the server to who has started it', async () => {
  await using project = await temporaryFolder()
  await using owner = await startOwner(join(project.path, 'postgres'))
  owner.interruptGroup()
  await new Promise((resolve) => setTimeout(resolve, 300))
  await query(owner.url, 'select')
})

test('a temporary database leaves nothing behind, also when its process is killed', async () => {
  await using project = await temporaryFolder()
  const folder = join(project.path, 'postgres')
  {
    await using owner = await startOwner(folder, 'temporary')
    owner.kill('SIGKILL')
  }
  await vi.waitFor(() => expect(existsSync(folder)).toBe(false), { timeout: 10_000 })
})

test.runIf(process.getuid?.() === 0)('root may keep a project where only root may look', async () => {
  await using project = await temporaryFolder()
  const said: string[] = []
  await chmod(project.path, 0o700)
  const folder = join(project.path, 'inner', 'postgres')
  const postgres = await startEmbeddedPostgres({
    folder,
    temporary: true,
    onProgress: (text) => said.push(text),
  })
  await query(postgres.url, 'select')
  await postgres.stop()
  expect(said.join()).toContain(`only root may look into ${join(project.path, 'inner')}`)
})

const nobody = { uid: 65_534, gid: 65_534 }
const isOrdinaryUserAble = process.getuid?.() === 0 && (await canEnter(nobody, repository()))

test.runIf(isOrdinaryUserAble)('an ordinary user runs the database as oneself', async () => {
  await using project = await temporaryFolder()
  await chown(project.path, nobody.uid, nobody.gid)
  await using owner = await startOwner(join(project.path, 'postgres'), '', nobody)
  await query(owner.url, 'select')
  expect((await stat(join(project.path, 'postgres/data'))).uid).toBe(nobody.uid)
})

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

function repository(): string {
  return fileURLToPath(new URL('../..', import.meta.url))
}

interface Owner extends AsyncDisposable {
  readonly url: string
  kill(signal: NodeJS.Signals): void
  interruptGroup(): void
}

/** Another process that runs an embedded PostgreSQL. */
async function startOwner(
  folder: string,
  mode = '',
  user: { uid?: number; gid?: number } = {},
): Promise<Owner> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const program = join(repository(), 'test/embedded-owner.ts')
  const child = spawn(process.execPath, ['--import', tsx, program, folder, mode], {
    ...user,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  let output = ''
  for await (const text of child.stdout as AsyncIterable<Buffer>) {
    output += text.toString()
    if (output.includes('\n')) break
  }
  return {
    url: output.trim().replace('ready ', ''),
    kill: (signal) => child.kill(signal),
    interruptGroup: () => process.kill(-(child.pid ?? 0), 'SIGINT'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
