import { build } from 'vite'
import { startTestServer } from '../test/server.ts'
import { demoFolder } from './demo-folder.ts'

/** Once for a run: a PostgreSQL to clone databases from, and the chat's page as users get it. */
export default async function globalSetup(): Promise<() => Promise<void>> {
  const stop = await startTestServer()
  await build({ logLevel: 'warn', build: { outDir: demoFolder, emptyOutDir: true } })
  return stop
}
