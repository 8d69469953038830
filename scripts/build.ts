/** Makes what users install, in `dist` or another folder: modules with their types, the CLI, and the SQL files. `npm run build -- [folder]` */
import { spawnSync } from 'node:child_process'
import { chmod, cp, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('..', import.meta.url))
const dist = resolve(process.argv[2] ?? join(repository, 'dist'))

await rm(dist, { recursive: true, force: true })
compile('tsconfig.build.json')
await cp(join(repository, 'sql'), join(dist, 'sql'), {
  recursive: true,
  filter: async (file) => file.endsWith('.sql') || (await stat(file)).isDirectory(),
})
await chmod(join(dist, 'server/cli/main.js'), 0o755)

function compile(project: string): void {
  const tsc = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '--project', project, '--outDir', dist], {
    cwd: repository,
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}
