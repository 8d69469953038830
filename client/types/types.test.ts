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
  const { output, status } = compile(
    '--project',
    join(repository, 'tsconfig.build.json'),
    '--emitDeclarationOnly',
    '--outDir',
    join(installed, 'dist'),
  )
  expect(output).toBe('')
  expect(status).toBe(0)
  await cp(join(repository, 'package.json'), join(installed, 'package.json'))
}, 60_000)

afterAll(() => rm(project, { recursive: true, force: true }))

function compile(...options: string[]): { output: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, ...options], {
    cwd: repository,
    encoding: 'utf8',
  })
  return { output: stdout + stderr, status }
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
    expect(compile('--project', join(project, `${name}.json`)).output).toBe('')
  },
  60_000,
)

test('in the repository, declared tables are as strict', () => {
  expect(compile('--project', join(repository, 'client/types')).output).toBe('')
}, 60_000)
