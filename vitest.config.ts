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
          exclude: [...ignored, '**/*.{pg,faults}.test.{ts,tsx}'],
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
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['**/*.faults.test.{ts,tsx}'],
          exclude: ignored,
          // Each starts a PostgreSQL, servers and clients of its own, and measures how long they stall.
          maxWorkers: 1,
          testTimeout: 300_000,
        },
      },
    ],
  },
})
