import { browserVariable, getBrowser } from './browser.ts'

/** Playwright's: the browser that is found or got is made known to its workers. */
export default async function browserSetup(): Promise<void> {
  process.env[browserVariable] = await getBrowser((message) => console.log(`browser: ${message}`))
}
