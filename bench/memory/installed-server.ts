import { execFile, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Health } from '../../server/main.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** Rowcast as users have it in their `node_modules`: compiled. Disposing it deletes it. */
export class InstalledPackage implements AsyncDisposable {
  readonly folder: string

  static async build(): Promise<InstalledPackage> {
    const folder = await mkdtemp(join(tmpdir(), 'rowcast-package-'))
    const build = join(repository, 'scripts/build.ts')
    await promisify(execFile)(process.execPath, ['--import', tsx, build, join(folder, 'dist')])
    await cp(join(repository, 'package.json'), join(folder, 'package.json'))
    await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'))
    return new InstalledPackage(folder)
  }

  private constructor(folder: string) {
    this.folder = folder
  }

  get cli(): string {
    return join(this.folder, 'dist/server/cli/main.js')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true })
  }
}

/** All that is added to what users start: the process says what memory it has. */
const answersMemory = `data:text/javascript,${encodeURIComponent(
  `process.on('message', (collect) => {
    if (collect) gc()
    process.send(process.memoryUsage.rss() / 1e6)
  })`,
)}`

/** `rowcast serve`, for users who sign in with JSON Web Tokens. Disposing it ends it. */
export class InstalledServer implements AsyncDisposable {
  readonly url: string
  readonly #process: ChildProcess

  /** @param env what `rowcast serve` is told by its environment */
  static async start(cli: string, env: Readonly<Record<string, string>>): Promise<InstalledServer> {
    const server = fork(cli, ['serve', '--host', '127.0.0.1', '--port', '0'], {
      execArgv: ['--expose-gc', '--import', answersMemory],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let said = ''
    const url = await new Promise<string>((resolve, reject) => {
      server.stderr?.on('data', (text: Buffer) => {
        said += text.toString()
        const [, url] = /listening on (\S+)\//.exec(said) ?? []
        if (url !== undefined) resolve(url)
      })
      server.on('exit', () => reject(new Error(`rowcast serve has ended:\n${said}`)))
    })
    return new InstalledServer(server, url)
  }

  private constructor(process: ChildProcess, url: string) {
    this.#process = process
    this.url = url
  }

  /** @param collect what is garbage is collected first */
  async rssMb({ collect }: { readonly collect: boolean }): Promise<number> {
    this.#process.send(collect)
    const [rssMb] = (await once(this.#process, 'message')) as [number]
    return rssMb
  }

  async health(): Promise<Health> {
    return (await (await fetch(`${this.url}/healthz`)).json()) as Health
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }
}
