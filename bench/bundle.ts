import { gzipSync } from 'node:zlib'
import { fileURLToPath } from 'node:url'
import { build, version } from 'vite'
import type { Bench } from './suite/bench.ts'
import { atMost, figure } from './suite/report.ts'

const limitKb = 12
/** What an application has anyway, or chooses. */
const external = ['react', 'react/jsx-runtime', 'socket.io-client', /^zustand(\/|$)/]
const core = fileURLToPath(new URL('../client/core/index.ts', import.meta.url))
const react = fileURLToPath(new URL('../client/react/index.ts', import.meta.url))
const entryId = 'entry'

/** What a page loads, made out of the sources as Vite makes it. The figures are the same on every machine. */
export const bundle: Bench = {
  name: 'bundle',
  summary: 'what a page loads: the client, minified and gzipped, without socket.io-client, zustand and react',
  async run({ say }) {
    say('bundling')
    const page = await bundled(`export { createClient } from '${core}'; export * from '${react}'`)
    const alone = await bundled(`export { createClient } from '${core}'`)
    const all = await bundled(`export * from '${core}'; export * from '${react}'`)
    return {
      versions: { vite: version },
      figures: [
        atMost('createClient and all of rowcast/react, gzipped', gzippedKb(page), 'KB', limitKb),
        figure('the same, minified', kb(page), 'KB'),
        figure('createClient alone, gzipped', gzippedKb(alone), 'KB'),
        figure('all that rowcast/client and rowcast/react export, gzipped', gzippedKb(all), 'KB'),
      ],
    }
  },
}

/** The code of a page that has nothing else. */
async function bundled(entry: string): Promise<Buffer> {
  const output = await build({
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: entryId,
        resolveId: (id) => (id === entryId ? id : null),
        load: (id) => (id === entryId ? entry : null),
      },
    ],
    build: {
      write: false,
      minify: true,
      modulePreload: false,
      rolldownOptions: { input: entryId, external, preserveEntrySignatures: 'strict' },
    },
  })
  const [chunk, ...others] = 'output' in output ? output.output : []
  if (!chunk || others.length > 0) throw new Error('it should have become one file')
  return Buffer.from(chunk.code)
}

function gzippedKb(code: Buffer): number {
  return kb(gzipSync(code, { level: 9 }))
}

function kb(code: Buffer): number {
  return code.length / 1e3
}
