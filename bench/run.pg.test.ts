import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { testServer } from '../test/server.ts'
import type { Report } from './suite/report.ts'

const program = fileURLToPath(new URL('run.ts', import.meta.url))

async function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, DATABASE_URL: testServer().url }
  try {
    const output = await promisify(execFile)(process.execPath, ['--import', 'tsx', program, ...args], { env })
    return { code: 0, ...output }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}

test('without a name all benches are listed, one a line', async () => {
  const { code, stdout } = await bench()
  expect(code).toBe(0)
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
  ).toEqual([
    'latency',
    'commits',
    'bulk',
    'stream',
    'fanout',
    'routing',
    'snapshot',
    'reconnect',
    'memory',
    'store',
    'render',
    'bundle',
    'access',
    'sessions',
    'workers',
  ])
})

test('a name that is none is answered with those that are', async () => {
  const { code, stderr } = await bench('nothing')
  expect(code).toBe(2)
  expect(stderr).toContain(
    'there is no bench nothing: there are latency, commits, bulk, stream, fanout, routing, snapshot, reconnect, memory, store, render, bundle, access, sessions, workers',
  )
})

test('a bench prints one object: what was measured, where, and of what', async () => {
  const { stdout, stderr } = await bench('access', '--scale', '0.01', '--json')
  const report = JSON.parse(stdout) as Report
  expect(Object.keys(report), stderr).toEqual(['name', 'machine', 'versions', 'figures'])
  expect(report.name).toBe('access')
  expect(report.machine.cores).toBeGreaterThan(0)
  expect(Object.keys(report.versions)).toEqual(['rowcast', 'node', 'postgresql', 'socket.io'])
  for (const figure of report.figures)
    expect(Object.keys(figure)).toEqual(['name', 'value', 'unit', 'target', 'met'])
  // Targets of speed are for the whole of it; right it is at any size.
  expect(
    report.figures.filter(({ target }) => target !== null),
    stderr,
  ).toMatchObject([{ name: 'deliveries missing, wrong or forbidden', value: 0, met: true }])
})

test('each has its place on the page that claims its figures', async () => {
  const { stdout } = await bench()
  const names = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ')[0])
  const page = await readFile(new URL('../docs/benchmarks.md', import.meta.url), 'utf8')
  for (const name of names) expect(page).toContain(`<!-- figures: ${name} -->`)
})
