import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const tsc = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc')

/** A project beside the repository's dependencies, with the package in its own `node_modules`. */
let project: string

beforeAll(async () => {
  const cache = join(repository, 'node_modules/.cache')
  await mkdir(cache, { recursive: true })
  project = await mkdtemp(join(cache, 'types-'))
  const installed = join(project, 'node_modules/rowcast')
  const config = {
    extends: join(repository, 'tsconfig.build.json'),
    compilerOptions: { rootDir: repository, outDir: join(installed, 'dist'), emitDeclarationOnly: true },
    include: [join(repository, 'client'), join(repository, 'shared')],
  }
  await writeFile(join(project, 'emit.json'), JSON.stringify(config))
  expect(compile('--project', join(project, 'emit.json'))).toBe('')
  await mkdir(installed, { recursive: true })
  await cp(join(repository, 'package.json'), join(installed, 'package.json'))
}, 60_000)

afterAll(() => rm(project, { recursive: true, force: true }))

/** What the compiler has to say. */
function compile(...options: string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, ...options], {
    cwd: repository,
    encoding: 'utf8',
  })
  return stdout + stderr
}

test.each(['typed', 'loose'])(
  'the packed package is as typed as it says: %s',
  async (name) => {
    const file = `${name}.test-d.tsx`
    await cp(join(repository, 'client/types', file), join(project, file))
    const config = {
      compilerOptions: {
        target: 'es2023',
        lib: ['es2023', 'dom'],
        module: 'esnext',
        moduleResolution: 'bundler',
        jsx: 'react-jsx',
        strict: true,
        skipLibCheck: false,
        noEmit: true,
        types: [],
      },
      files: [file],
    }
    await writeFile(join(project, `${name}.json`), JSON.stringify(config))
    expect(compile('--project', join(project, `${name}.json`))).toBe('')
  },
  60_000,
)

test('in the repository, declared tables are as strict', () => {
  expect(compile('--project', join(repository, 'client/types'))).toBe('')
}, 60_000)
