import type { Connect, Plugin } from 'vite'
import type { Rowcast } from 'rowcast/server'
import { createAuthenticate } from './authenticate.ts'
import { createChatApi } from './chat-api.ts'
import { loadSecret } from './secret.ts'
import { setupChat } from './setup.ts'

let secret: Promise<Uint8Array> | undefined
const secretOnce = () => (secret ??= loadSecret())

/** What the chat wants of Rowcast: its tables at the start, and only signed-in people on the sockets. */
export const chatOptions = { setup: setupChat, authenticate: createAuthenticate(secretOnce) }

/** Serves the chat's endpoints from Vite's dev and preview servers, on the database that `rowcast()` runs on. */
export function chatApi(): Plugin {
  let plugin: Plugin<{ ready: Promise<Rowcast> }> | undefined
  const mount = (middlewares: Connect.Server, onError: (error: unknown) => void) =>
    middlewares.use(
      createChatApi({
        pool: async () => {
          if (!plugin?.api) throw new Error('chatApi() needs the plugin rowcast() beside it')
          return (await plugin.api.ready).pool
        },
        secret: secretOnce,
        onError,
      }),
    )
  return {
    name: 'rowcast-chat-api',
    configResolved(config) {
      plugin = config.plugins.find(({ name }) => name === 'rowcast') as typeof plugin
    },
    configureServer(server) {
      mount(server.middlewares, (error) => server.config.logger.error(String(error)))
    },
    configurePreviewServer(server) {
      mount(server.middlewares, (error) => server.config.logger.error(String(error)))
    },
  }
}
