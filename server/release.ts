import { existsSync, readFileSync } from 'node:fs'

/** The version of this package. */
export const release = readVersion()

/** Nearest above this file: in the sources and in the built package it is not equally far. */
function readVersion(folder = new URL('.', import.meta.url)): string {
  const file = new URL('package.json', folder)
  if (!existsSync(file)) return readVersion(new URL('..', folder))
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** True if a version comes after another. What follows its numbers (`-beta.1`) does not count. */
export function isLater(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(/[.-]/, 3).map(Number))
  const i = a?.findIndex((number, place) => number !== b?.[place]) ?? -1
  return (a?.[i] ?? 0) > (b?.[i] ?? 0)
}
