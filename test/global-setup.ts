/** vitest's and Playwright's: whichever starts first gives the whole run its server. */
export { startTestServer as default } from './server.ts'
