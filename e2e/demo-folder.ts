import { fileURLToPath } from 'node:url'

/** Where a run of the tests builds the chat's page. */
export const demoFolder = fileURLToPath(new URL('../.vite/e2e-demo', import.meta.url))
