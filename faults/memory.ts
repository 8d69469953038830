/** What one process held at one time. */
export interface MemorySample {
  readonly atMs: number
  readonly rssMb: number
  readonly heapMb: number
}

/**
 * The slope of the line through samples by Theil and Sen: the median of the slopes between all pairs. A
 * few samples that are far off, such as one taken while a big transaction was under way, do not turn it.
 *
 * @returns in units of y a minute; 0 for fewer than two samples
 */
export function slopePerMinute(samples: readonly { readonly atMs: number; readonly y: number }[]): number {
  const slopes: number[] = []
  samples.forEach((a, i) => {
    for (const b of samples.slice(i + 1)) if (b.atMs > a.atMs) slopes.push((b.y - a.y) / (b.atMs - a.atMs))
  })
  return median(slopes) * 60_000
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return 0
  if (sorted.length % 2 === 1) return sorted[middle] ?? 0
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
