const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
export type StopSignal = (typeof signals)[number]

/** What is still open by then is left to the operating system. */
const stopDeadlineMs = 10_000

/**
 * When the process is told to stop, stops what it does in good order and exits.
 *
 * A Ctrl-C reaches every process in the terminal, and those above may pass it on once more: a repeated
 * signal means no more than the first.
 *
 * @param patienceMs what `stop` may need besides, before it begins to end things
 * @param exitCode a server has then done what it was started for; a piece of work has not
 */
export function stopOnSignal(
  stop: (signal: StopSignal) => Promise<void>,
  patienceMs = 0,
  exitCode = 0,
): void {
  let isStopping = false
  const onSignal = (signal: StopSignal) => {
    if (isStopping) return
    isStopping = true
    process.exitCode = exitCode // Vite ends the process itself when it has closed, and else with 143
    setTimeout(() => process.exit(1), patienceMs + stopDeadlineMs).unref()
    stop(signal).then(
      () => process.exit(exitCode),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  }
  for (const signal of signals) process.on(signal, () => onSignal(signal))
}
