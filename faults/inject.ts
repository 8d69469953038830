import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './records.ts'
import type { ScheduledFault } from './schedule.ts'
import type { ClientLink, ServerSlot, World } from './world.ts'

/** Does something bad to a world, and undoes it. Resolves when it is over. */
type Inject = (world: World, fault: ScheduledFault) => Promise<void>

interface Hit {
  /** Whom it hits; undefined: there is nobody whom it could. */
  readonly target?: string | undefined
  readonly leadsTo?: NonNullable<Fault['leadsTo']>
}

/** What a run is not to do: its first server then lives for all of it. */
export interface Sparing {
  readonly isFirstServerSpared: boolean
}

/** Lets a fault happen, and notes when it begins and ends. @returns false when there was nothing that it could hit */
export async function inject(world: World, fault: ScheduledFault, sparing: Sparing): Promise<boolean> {
  const act = prepared(world, fault, sparing)
  if (!act) return false
  const { target, leadsTo, work } = act
  const noted = { kind: 'fault' as const, fault: fault.kind, ...(target !== undefined && { target }) }
  world.record({ ...noted, phase: 'begin', ...(leadsTo && { leadsTo }) })
  try {
    await work(world, fault)
  } finally {
    world.record({ ...noted, phase: 'end' })
  }
  return true
}

function prepared(
  world: World,
  fault: ScheduledFault,
  { isFirstServerSpared }: Sparing,
): (Hit & { work: Inject }) | undefined {
  const { kind, target } = fault
  if (kind === 'postgres_restart') return { leadsTo: ['epoch_changed'], work: restartPostgres }
  if (kind === 'backend_terminate') return { work: terminateBackends }
  if (kind === 'session_end') return { leadsTo: ['session_not_found'], work: endSession }
  if (kind === 'log_prune') return { leadsTo: ['position_expired'], work: pruneLog }
  if (kind.startsWith('client_')) {
    const link = choose(
      world.links.filter(({ proxy }) => proxy.connectionCount > 0),
      target,
    )
    return link && { target: link.name, work: () => breakLink(link, fault) }
  }
  const endsServer = kind === 'server_kill' || kind === 'server_drain' || kind === 'server_clock'
  const living = world.servers.filter(
    ({ isUp, isPaused }, i) => isUp && !isPaused && !(endsServer && isFirstServerSpared && i === 0),
  )
  const server = choose(living, target)
  return server && { target: server.name, work: () => breakServer(world, server, fault) }
}

function choose<T>(list: readonly T[], target: number): T | undefined {
  return list[target % Math.max(1, list.length)]
}

async function breakServer(world: World, server: ServerSlot, fault: ScheduledFault): Promise<void> {
  const { kind, forMs, amount } = fault
  switch (kind) {
    case 'server_pause':
      server.child.kill('SIGSTOP')
      await sleep(Math.min(forMs, 2_000)) // so long it takes until somebody has noticed
      server.isPaused = true
      await sleep(forMs - Math.min(forMs, 2_000))
      server.child.kill('SIGCONT')
      server.isPaused = false
      return
    case 'server_kill':
      server.child.kill('SIGKILL')
      return startAgain(world, server, forMs)
    case 'server_drain':
      server.isReady = false // nobody is led there any more
      world.steer()
      server.child.kill('SIGTERM')
      await Promise.race([server.child.ended, sleep(30_000)])
      if (server.child.isAlive) throw new Error(`${server.name} does not end on SIGTERM`)
      return startAgain(world, server, forMs)
    case 'server_clock':
      server.child.kill('SIGKILL')
      return startAgain(world, server, forMs, amount)
    default:
      return breakLink(server, fault)
  }
}

async function startAgain(
  world: World,
  server: ServerSlot,
  afterMs: number,
  clockSeconds = 0,
): Promise<void> {
  await server.child.ended
  world.steer()
  await sleep(afterMs)
  server.start(clockSeconds)
}

/** What stands between two ends, whichever they are. */
async function breakLink(
  { proxy }: Pick<ServerSlot | ClientLink, 'proxy'>,
  { kind, forMs, amount }: ScheduledFault,
): Promise<void> {
  switch (kind) {
    case 'database_cut':
    case 'client_cut':
      return proxy.cut()
    case 'database_reset':
    case 'client_reset':
      return proxy.reset()
    case 'client_strand':
      return proxy.strand()
    case 'database_delay':
    case 'client_delay':
      proxy.setDelay(amount)
      await sleep(forMs)
      return proxy.setDelay(0)
    case 'database_silence':
    case 'client_silence':
      proxy.setMode('half-open')
      await sleep(forMs)
      return proxy.setMode('open')
    case 'client_slow':
      proxy.setRate(amount)
      await sleep(forMs)
      return proxy.setRate(undefined)
  }
}

/** Rowcast's connections are known by their name. */
async function terminateBackends(world: World, { amount }: ScheduledFault): Promise<void> {
  await ignoringOutage(
    world.query(
      `select pg_terminate_backend(pid) from
        (select pid from pg_stat_activity where application_name = 'rowcast' order by random() limit $1) as chosen`,
      [amount],
    ),
  )
}

/**
 * A crash, since it is stopped in immediate mode: nothing that has committed is lost. Ids of transactions that have
 * left no trace may be given out again, and a record would then stand for two: so some are used up before
 * the writers go on.
 */
async function restartPostgres(world: World, { forMs }: ScheduledFault): Promise<void> {
  const { postgres, writer } = world
  await writer.ask('hold')
  try {
    await postgres.stop('immediate')
    await sleep(forMs)
    await postgres.start()
    await world.query(`do $$ begin
        for i in 1..5000 loop perform pg_current_xact_id(); commit; end loop;
      end $$`)
  } finally {
    await writer.ask('release')
  }
}

async function endSession(world: World, { target }: ScheduledFault): Promise<void> {
  await ignoringOutage(
    world.query(
      `select event.session_delete(id) from
        (select id from event.session order by id offset (select $1 % greatest(count(*), 1) from event.session) limit 1) as one`,
      [target],
    ),
  )
}

/** As if weeks passed in a second: everything up to now is thrown away, also under who has not read it yet. */
async function pruneLog(world: World): Promise<void> {
  for (let weeks = 4; weeks <= 16; weeks += 4) {
    await ignoringOutage(
      world.query(`select event.tend_log_at(clock_timestamp() + $1 * interval '1 week')`, [weeks]),
    )
    await sleep(200)
  }
}

/** PostgreSQL may be down by another fault. */
async function ignoringOutage(work: Promise<unknown>): Promise<void> {
  await work.catch((error: Error) => {
    if (!/ECONNREFUSED|ECONNRESET|terminat|starting up|shutting down|not yet accepting/.test(error.message))
      throw error
  })
}
