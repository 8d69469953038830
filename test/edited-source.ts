import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** One place of the source, and what is to stand there instead. */
export interface Edit {
  /** From the top of the repository. */
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly replace: string
}

const repository = fileURLToPath(new URL('..', import.meta.url))
/** All that a program of ours needs. */
const parts = [
  'audit',
  'client',
  'faults',
  'server',
  'shared',
  'sql',
  'test',
  'package.json',
  'tsconfig.json',
]
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/**
 * Runs a program on a copy of the source in which edits have been made. Nothing of the repository is touched.
 *
 * @param program from the top of the repository
 * @param argumentsIn the program's arguments; told the folder of the copy, which goes when it has ended
 * @returns what it printed
 * @throws when an edit does not fit any more, and when the program fails
 */
export async function runEdited(
  edits: readonly Edit[],
  program: string,
  argumentsIn: (folder: string) => readonly string[],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rowcast-planted-'))
  try {
    for (const part of parts) await cp(join(repository, part), join(folder, part), { recursive: true })
    await symlink(await realpath(join(repository, 'node_modules')), join(folder, 'node_modules'))
    for (const edit of edits) await writeFile(join(folder, edit.file), await edited(edit, folder))
    return await runIn(folder, program, argumentsIn(folder))
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/**
 * The source of a file with an edit made.
 *
 * @throws when the source has become another, so that the edit would do nothing, or something else
 */
export async function edited({ file, find, replace }: Edit, folder = repository): Promise<string> {
  const source = await readFile(join(folder, file), 'utf8')
  const count = source.split(find).length - 1
  if (count !== 1)
    throw new Error(
      `${file} has ${count} places like this, so what is planted must be made anew for the source as it is:\n${find}`,
    )
  return source.replace(find, () => replace)
}

async function runIn(folder: string, program: string, programArguments: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, ['--import', tsx, join(folder, program), ...programArguments], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, complaint] = ['', '']
  child.stdout.on('data', (text: Buffer) => (output += text.toString()))
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`the program broke off:\n${complaint.slice(-4_000)}`)
  return output
}
