import { defineConfig } from 'playwright/test'
import { browserFlags, browserVariable } from './test/browser.ts'

const browser = process.env[browserVariable]

export default defineConfig({
  globalSetup: ['./test/browser-setup.ts', './e2e/global-setup.ts'],
  outputDir: 'test-results',
  forbidOnly: Boolean(process.env['CI']),
  workers: 2,
  fullyParallel: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    launchOptions: { args: browserFlags, ...(browser && { executablePath: browser }) },
    screenshot: 'only-on-failure',
  },
  projects: [
    { name: 'e2e', testDir: 'e2e' },
    { name: 'package', testDir: 'test/package', timeout: 300_000 },
  ],
})
