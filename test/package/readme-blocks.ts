import { readFile } from 'node:fs/promises'

/** The README's code blocks that have a title, to the letter: the first of each title. */
export async function readmeBlocks(): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const blocks = new Map<string, string>()
  for (const [, title = '', code = ''] of text.matchAll(/^```\w+ title="([^"]+)"\n(.*?)^```$/gms))
    if (!blocks.has(title)) blocks.set(title, code)
  return blocks
}
