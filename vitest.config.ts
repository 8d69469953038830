import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const ignored = ['**/node_modules/**', '**/dist/**', 'e2e/**']

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    // Half of the time a test waits for PostgreSQL or another process.
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['**/*.test.{ts,tsx}'],
          exclude: [...ignored, '**/*.pg.test.{ts,tsx}'],
        },
      },
      {
        extends: true,
        test: {
          name: 'pg',
          include: ['**/*.pg.test.{ts,tsx}'],
          exclude: ignored,
          globalSetup: 'test/global-setup.ts',
          // A database is cloned, and two cores are shared with PostgreSQL itself.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
