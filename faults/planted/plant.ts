import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Counts } from '../check.ts'
import type { Violation, ViolationKind } from '../findings.ts'
import type { RunOptions } from '../harness.ts'

/** One place of the source, and what is to stand there instead. */
export interface Edit {
  /** From the top of the repository. */
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly replace: string
}

/** A mistake that somebody might make, and a run in which it does harm. */
export interface PlantedBug {
  readonly name: string
  /** The checker is to name one of these. */
  readonly kinds: readonly ViolationKind[]
  /** One for each kind of harm is tried with every `npm test`; all are by `npm run faults -- --planted`. */
  readonly isQuick?: boolean
  readonly edits: readonly Edit[]
  readonly run: Partial<RunOptions>
}

export interface Trial {
  readonly violations: readonly Violation[]
  readonly counts: Counts
  readonly troubles: readonly string[]
}

const repository = fileURLToPath(new URL('../..', import.meta.url))
/** All that a run needs. */
const parts = ['audit', 'client', 'faults', 'server', 'shared', 'sql', 'test', 'package.json', 'tsconfig.json']
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/**
 * Runs the harness on a copy of the source in which these edits have been made. Nothing of the repository is touched.
 *
 * @throws when an edit does not fit any more, and when the run breaks off
 */
export async function tryWith(edits: readonly Edit[], options: RunOptions): Promise<Trial> {
  const folder = await mkdtemp(join(tmpdir(), 'rowcast-planted-'))
  try {
    for (const part of parts) await cp(join(repository, part), join(folder, part), { recursive: true })
    await symlink(await realpath(join(repository, 'node_modules')), join(folder, 'node_modules'))
    for (const edit of edits) await writeFile(join(folder, edit.file), await edited(edit, folder))
    return await runIn(folder, { ...options, folder: join(folder, 'records') })
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
      `${file} has ${count} places like this, so the planted bug must be made anew for the source as it is:\n${find}`,
    )
  return source.replace(find, () => replace)
}

async function runIn(folder: string, options: RunOptions): Promise<Trial> {
  const child = spawn(
    process.execPath,
    ['--import', tsx, join(folder, 'faults/planted/trial.ts'), JSON.stringify(options)],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let [output, complaint] = ['', '']
  child.stdout.on('data', (text: Buffer) => (output += text.toString()))
  child.stderr.on('data', (text: Buffer) => (complaint += text.toString()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`the run broke off:\n${complaint.slice(-4_000)}`)
  return JSON.parse(output) as Trial
}
