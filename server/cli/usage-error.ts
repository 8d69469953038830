/** What the user can put right on the command line or in the config: shown without a stack, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
