import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg, totalmem, type, release } from 'node:os'
import { textTable } from '../../server/cli/text-table.ts'
import type { Outcome } from './bench.ts'

export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it is to be, e.g. `<= 250`; null: it is for information. */
  readonly target: string | null
  readonly met: boolean | null
}

export interface Report {
  readonly name: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly figures: readonly Figure[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  /** How many processes wanted a core in the minute before: above 0 somebody else was using the machine. */
  readonly loadBefore: number
}

/** A figure for information. */
export function figure(name: string, value: number, unit: string): Figure {
  return { name, value: rounded(value), unit, target: null, met: null }
}

/** @param limit null: it is for information */
export function atMost(name: string, value: number, unit: string, limit: number | null): Figure {
  if (limit === null) return figure(name, value, unit)
  return { name, value: rounded(value), unit, target: `<= ${limit}`, met: value <= limit }
}

/** @param limit null: it is for information */
export function atLeast(name: string, value: number, unit: string, limit: number | null): Figure {
  if (limit === null) return figure(name, value, unit)
  return { name, value: rounded(value), unit, target: `>= ${limit}`, met: value >= limit }
}

/** To three digits, and whole numbers from a hundred up. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    loadBefore: rounded(loadavg()[0] ?? NaN),
  }
}

export function reportOf(
  name: string,
  machine: Machine,
  { postgresql, versions: others, figures }: Outcome,
): Report {
  const versions = {
    rowcast: versionIn(new URL('../../package.json', import.meta.url)),
    node: process.versions.node,
    ...(postgresql !== undefined && { postgresql }),
    'socket.io': versionOf('socket.io'),
    ...others,
  }
  return { name, machine, versions, figures }
}

/** Of a library that is installed. */
export function versionOf(library: string): string {
  return versionIn(createRequire(import.meta.url).resolve(`${library}/package.json`))
}

function versionIn(file: URL | string): string {
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** The report for a person. */
export function textOf(report: Report): string {
  const rows = rowsOf(report).map(([name = '', value = '', ...rest]) => [name, value.padStart(10), ...rest])
  return [...conditionsOf(report), '', textTable([['', '', '', 'target', ''], ...rows])].join('\n')
}

/** On what it was measured, and of what. */
export function conditionsOf({ machine, versions }: Report): readonly [machine: string, versions: string] {
  const { cpu, cores, memoryGb, system, loadBefore } = machine
  return [
    `${cpu}, ${cores} cores, ${memoryGb} GB, ${system}; load before: ${loadBefore}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  ]
}

/** Of each figure its name, value, unit, target and whether it was met. */
export function rowsOf({ figures }: Report): readonly (readonly string[])[] {
  return figures.map(({ name, value, unit, target, met }) => [
    name,
    value.toLocaleString('en', { maximumFractionDigits: 3 }),
    unit,
    target ?? '',
    met === null ? '' : met ? 'met' : 'MISSED',
  ])
}

export function hasMissed({ figures }: Report): boolean {
  return figures.some(({ met }) => met === false)
}
