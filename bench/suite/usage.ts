import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What a process has used of the machine. */
export interface Usage {
  readonly cpuMs: number
  readonly rssMb: number
  /** The longest time for which its event loop was blocked since it was last asked. */
  readonly longestBlockMs: number
}

const resolutionMs = 5
const delay = monitorEventLoopDelay({ resolution: resolutionMs })
delay.enable()

/** Of this process. */
export function usage(): Usage {
  const { user, system } = process.cpuUsage()
  const longestBlockMs = Math.max(0, delay.max / 1e6 - resolutionMs)
  delay.reset()
  return { cpuMs: (user + system) / 1e3, rssMb: process.memoryUsage.rss() / 1e6, longestBlockMs }
}
