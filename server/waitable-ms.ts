/** Node's timers go no further, and would fire at once; PostgreSQL refuses to be set to more. */
const longestWaitMs = 2 ** 31 - 1

/** So many milliseconds, or as many as can be waited: 24 days. */
export function waitableMs(ms: number): number {
  return Math.min(ms, longestWaitMs)
}
