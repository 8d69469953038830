import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { chatApi, chatOptions } from './demo/server/vite.ts'
import { rowcast } from './server/vite.ts'

/** Runs the demo: `npm start`. */
export default defineConfig({
  root: 'demo',
  resolve: { tsconfigPaths: true },
  plugins: [react(), rowcast(chatOptions), chatApi()],
})
