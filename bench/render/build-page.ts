import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** Builds the page as it would be shipped; readable, if it is to be profiled. */
export async function buildPage(folder: string, isReadable: boolean): Promise<void> {
  await build({
    configFile: false,
    root: fileURLToPath(new URL('page', import.meta.url)),
    logLevel: 'warn',
    resolve: { tsconfigPaths: true },
    plugins: [react()],
    build: { outDir: folder, emptyOutDir: true, minify: !isReadable },
  })
}
