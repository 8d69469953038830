import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = new URL('../', import.meta.url)
const docs = new URL('docs/', root)

test('every TypeScript example of the docs compiles', { timeout: 120_000 }, async () => {
  // Below the root, so that packages are found.
  const folder = new URL('.rowcast/docs-examples/', root)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  try {
    let count = 0
    for (const file of (await readdir(docs)).filter((name) => name.endsWith('.md')))
      for (const [, language, code] of (await readFile(new URL(file, docs), 'utf8')).matchAll(
        /^```(tsx?)[^\n]*\n(.*?)^```$/gms,
      ))
        await writeFile(new URL(`${file}-${count++}.${language}`, folder), `${code}\nexport {}\n`)
    expect(count).toBeGreaterThan(4)
    await writeFile(
      new URL('tsconfig.json', folder),
      JSON.stringify({
        extends: '../../tsconfig.json',
        // Examples show parts; what they leave unused is the reader's.
        compilerOptions: {
          noUnusedLocals: false,
          noUnusedParameters: false,
          module: 'esnext',
          moduleResolution: 'bundler',
          rootDir: '../..',
        },
        include: ['.'],
        exclude: [],
      }),
    )
    const tsc = new URL('node_modules/typescript/bin/tsc', root).pathname
    await promisify(execFile)(process.execPath, [tsc, '-p', folder.pathname]).catch(
      (error: { stdout: string }) => {
        throw new Error(error.stdout)
      },
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('each test that the promises name is there', async () => {
  const text = await readFile(new URL('promises.md', docs), 'utf8')
  const named = [...text.matchAll(/^<!-- (\S+?)(?:: (.+?))? -->$/gm)]
  expect(named.length).toBeGreaterThan(20)
  for (const [, file = '', name = ''] of named)
    expect(await readFile(new URL(file, root), 'utf8'), `${file} does not test: ${name}`).toContain(name)
})
