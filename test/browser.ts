import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright'

const run = promisify(execFile)

/** Names the browser to use, by the path of its program. */
export const browserVariable = 'ROWCAST_BROWSER'

/** What a browser of ours does without: anything but the pages of the test. */
export const browserFlags = [
  '--no-sandbox', // root and most containers cannot have one; it sees our own pages only
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
]

/**
 * Finds a Chromium, Chrome or Edge: the one of ROWCAST_BROWSER, else Playwright's own, else an installed one;
 * else gets one and says so.
 *
 * @returns the path of its program
 */
export async function getBrowser(say: (message: string) => void): Promise<string> {
  return (
    (await findBrowser()) ??
    (await download(say)) ??
    (await installDebianPackage(say)) ??
    fail(
      `There is no browser for the end-to-end tests, and none could be had. Install Chromium, Chrome or Edge, ` +
        `or set ${browserVariable} to the path of one; \`npm test -- --only unit,pg\` needs none.`,
    )
  )
}

/** The one of ROWCAST_BROWSER, else one that is installed: null if there is none. */
export async function findBrowser(): Promise<string | null> {
  const named = process.env[browserVariable]
  if (named && (await works(named))) return named
  if (named) throw new Error(`${browserVariable} is ${named}, which does not run. Correct it, or unset it.`)
  for (const candidate of [chromium.executablePath(), ...usualPlaces()])
    if (existsSync(candidate) && (await works(candidate))) return candidate
  return null
}

/** Some systems have a script by the name of a browser that only says how to install it. */
async function works(program: string): Promise<boolean> {
  if (process.platform === 'win32') return existsSync(program) // Chrome says nothing there
  return run(program, ['--version'], { timeout: 20_000 }).then(
    ({ stdout }) => /\d+\.\d+/.test(stdout),
    () => false,
  )
}

function usualPlaces(): string[] {
  if (process.platform === 'darwin')
    return ['Google Chrome', 'Chromium', 'Microsoft Edge'].map((name) =>
      join('/Applications', `${name}.app`, 'Contents/MacOS', name),
    )
  if (process.platform === 'win32')
    return ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap((variable) =>
      ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe'].map((path) =>
        join(process.env[variable] ?? '', path),
      ),
    )
  const names = ['chromium', 'google-chrome', 'google-chrome-stable', 'chromium-browser', 'microsoft-edge']
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin']
  return names.flatMap((name) => folders.map((folder) => join(folder, name)))
}

/** Playwright's own build: null where its server cannot be reached or a library is missing. */
async function download(say: (message: string) => void): Promise<string | null> {
  say('there is no browser yet: downloading the one of Playwright (about 150 MB) …')
  const cli = join(createRequire(import.meta.url).resolve('playwright/package.json'), '../cli.js')
  // Why it fails, if it does, it says many times over; what matters is said below.
  await succeeds(process.execPath, [cli, 'install', '--no-shell', 'chromium'], 'ignore', {
    PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: '10000',
  })
  const program = chromium.executablePath()
  if (existsSync(program) && (await works(program))) return program
  say("Playwright's browser could not be downloaded or does not run here")
  return null
}

async function installDebianPackage(say: (message: string) => void): Promise<string | null> {
  if (!existsSync('/usr/bin/apt-get')) return null
  if (process.getuid?.() !== 0) {
    say('as root, this would install a browser now: apt-get install chromium')
    return null
  }
  say("installing Debian's package chromium …")
  const environment = { DEBIAN_FRONTEND: 'noninteractive' }
  await succeeds('apt-get', ['update', '-q'], 'inherit', environment)
  await succeeds(
    'apt-get',
    ['install', '-y', '-q', '--no-install-recommends', 'chromium'],
    'inherit',
    environment,
  )
  return findBrowser()
}

function succeeds(
  program: string,
  args: string[],
  errors: 'inherit' | 'ignore',
  environment: Record<string, string>,
): Promise<boolean> {
  const child = spawn(program, args, {
    env: { ...process.env, ...environment },
    // Its progress bars are for terminals.
    stdio: ['ignore', process.stdout.isTTY ? 'inherit' : 'ignore', errors],
    timeout: 300_000,
  })
  return new Promise((resolve) => {
    child.on('error', () => resolve(false))
    child.on('exit', (code) => resolve(code === 0))
  })
}

function fail(message: string): never {
  throw new Error(message)
}
