import { monitorEventLoopDelay } from 'node:perf_hooks'

/** It looks this often: a block is seen as that much shorter, at the most. */
const resolutionMs = 5
const quantiles = [0.5, 0.9, 0.99]

/**
 * How long the event loop was blocked, in seconds, since it was last asked; by quantile, 1 being the longest. Unlike the figures of
 * `collectDefaultMetrics`, which hold the time between two looks as well, these are 0 while nothing blocks.
 */
export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs })

  start(): void {
    this.#histogram.enable()
  }

  stop(): void {
    this.#histogram.disable()
  }

  take(): Record<string, number> {
    const delays = [
      ...quantiles.map((quantile) => this.#histogram.percentile(quantile * 100)),
      this.#histogram.max,
    ]
    this.#histogram.reset()
    return Object.fromEntries(
      [...quantiles, 1].map((quantile, i) => [
        quantile,
        Math.max(0, (delays[i] ?? 0) / 1e9 - resolutionMs / 1000),
      ]),
    )
  }
}
