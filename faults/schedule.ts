import { randomFrom } from '../audit/random.ts'

/** What may happen, and how often in comparison. */
const weights = {
  /** `kill -9`; started again after a while. */
  server_kill: 3,
  /** SIGSTOP, and SIGCONT after a while. */
  server_pause: 3,
  /** SIGTERM: it says goodbye first. */
  server_drain: 2,
  /** Killed, and started with a clock that is wrong by up to a day. */
  server_clock: 1,
  /** `pg_terminate_backend` of some of Rowcast's connections. */
  backend_terminate: 3,
  /** Stopped in immediate mode, which is a crash, and started. */
  postgres_restart: 1,
  database_cut: 2,
  database_reset: 2,
  database_delay: 2,
  database_silence: 2,
  client_cut: 4,
  client_reset: 4,
  client_delay: 3,
  /** A network that says nothing for a while and then goes on. */
  client_silence: 3,
  /** A network that has forgotten a connection: it says nothing ever again. */
  client_strand: 2,
  /** A phone with a few KB/s. */
  client_slow: 3,
  session_end: 1,
  log_prune: 1,
} as const

export type FaultKind = keyof typeof weights
export const faultKinds = Object.keys(weights) as FaultKind[]

/** Of these one at a time: two of them would only make it longer that nothing works. */
const exclusive: ReadonlySet<FaultKind> = new Set(['postgres_restart', 'database_silence'])

export interface ScheduledFault {
  readonly kind: FaultKind
  /** After the beginning. */
  readonly atMs: number
  /** How long it lasts, for those that last. */
  readonly forMs: number
  /** Chooses whom it hits, among those that are there at that time. */
  readonly target: number
  /** How bad it is: of a delay the milliseconds, of a slow link the bytes in a second, of a clock the seconds. */
  readonly amount: number
}

export interface ScheduleOptions {
  readonly seed: number
  readonly durationMs: number
  /** Default: all. */
  readonly kinds?: readonly FaultKind[]
  /** Between the beginnings of two faults, on average. Default: 2.5 s. */
  readonly everyMs?: number
  /** None lasts longer than that. */
  readonly longestMs?: number
}

/** Before the first, so that there is something to break, and after the last, so that it is seen whether it mends. */
const calmMs = 2_000

/**
 * The faults of a run: the same for the same seed. Each kind comes before any comes twice as often as its
 * weight says, so that also a short run has as many kinds as possible.
 */
export function schedule(options: ScheduleOptions): ScheduledFault[] {
  const { seed, durationMs, kinds = faultKinds, everyMs = 2_500, longestMs = Infinity } = options
  const random = randomFrom(seed, 'schedule')
  const faults: ScheduledFault[] = []
  let bag: FaultKind[] = []
  let exclusiveUntilMs = 0
  let atMs = calmMs
  while (kinds.length > 0 && atMs < durationMs - calmMs) {
    if (bag.length === 0) bag = bagOf(kinds, random.shuffled, faults.length === 0)
    const isAllowed = (kind: FaultKind): boolean => atMs >= exclusiveUntilMs || !exclusive.has(kind)
    const index = bag.findIndex(isAllowed)
    if (index < 0) {
      atMs = exclusiveUntilMs
      continue
    }
    const [kind] = bag.splice(index, 1) as [FaultKind]
    const drawn = { forMs: 0, amount: 0, ...severity(kind, random.int) }
    const forMs = Math.min(drawn.forMs, longestMs)
    const fault = { kind, atMs, target: random.int(0, 999_999), ...drawn, forMs }
    if (exclusive.has(kind)) exclusiveUntilMs = atMs + fault.forMs + 5_000
    faults.push(fault)
    atMs += random.int(Math.ceil(everyMs * 0.2), Math.ceil(everyMs * 1.8))
  }
  return faults
}

function bagOf(
  kinds: readonly FaultKind[],
  shuffled: (list: readonly FaultKind[]) => FaultKind[],
  isFirst: boolean,
): FaultKind[] {
  const rest = kinds.flatMap((kind) => Array<FaultKind>(weights[kind] - (isFirst ? 1 : 0)).fill(kind))
  return isFirst ? [...shuffled(kinds), ...shuffled(rest)] : shuffled(rest)
}

function severity(
  kind: FaultKind,
  int: (from: number, to: number) => number,
): Partial<Pick<ScheduledFault, 'forMs' | 'amount'>> {
  switch (kind) {
    case 'server_kill':
    case 'server_drain':
      return { forMs: int(500, 8_000) }
    case 'server_pause':
      return { forMs: int(1_000, 15_000) }
    case 'server_clock':
      return { forMs: int(500, 3_000), amount: int(-86_400, 86_400) }
    case 'postgres_restart':
      return { forMs: int(0, 3_000) }
    case 'backend_terminate':
      return { amount: int(1, 6) }
    case 'database_delay':
    case 'client_delay':
      return { forMs: int(2_000, 10_000), amount: int(50, 500) }
    case 'database_silence':
      return { forMs: int(2_000, 12_000) }
    case 'client_silence':
      return { forMs: int(5_000, 20_000) }
    case 'client_slow':
      return { forMs: int(5_000, 15_000), amount: int(2_000, 8_000) }
    default:
      return {}
  }
}
