import { usersPerChannel } from './access/setting.ts'
import { World, type Connected, type Delays, type Measured } from './access/world.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { now } from './suite/clock.ts'
import { openDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { quantile } from './suite/quantile.ts'
import { atLeast, atMost, figure, type Figure } from './suite/report.ts'

/** Row-level security on live changes: each client is another user, and each change concerns twenty of them. */
export const access: Bench = {
  name: 'access',
  summary: 'row-level security on live changes: 500, 2,000 and 4,000 users, and rights that are taken away',
  async run(context) {
    const startedAt = now()
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    const plan = planAt(context.scale)
    const world = await World.start(database, processes, plan.sizes.at(-1)?.clients ?? 0)
    const figures = await measure(world, plan, context.say)
    const took = atMost(
      'duration of the whole',
      (now() - startedAt) / 1000,
      's',
      plan.isFull ? durationLimitS : null,
    )
    return { postgresql: database.version, figures: [...figures, took] }
  },
}

interface Plan {
  readonly sizes: readonly { readonly clients: number; readonly seconds: number }[]
  readonly perSecond: number
  readonly warmUpSeconds: number
  readonly revocations: number
  readonly revokingSeconds: number
  readonly alteringSeconds: number
  /** At full size: targets are judged. */
  readonly isFull: boolean
}

const full = {
  sizes: [
    { clients: 500, seconds: 4 },
    { clients: 2_000, seconds: 4 },
    { clients: 4_000, seconds: 10 },
  ],
  perSecond: 500,
  warmUpSeconds: 1,
  revocations: 100,
  revokingSeconds: 4,
  alteringSeconds: 2,
}
const smallest = { channels: 4, seconds: 0.5, perSecond: 50, revocations: 4 }
/** A rate is kept if only the last commits are late. */
const kept = 0.99
const p95LimitMs = 250
const revocationLimitMs = 1_000
const durationLimitS = 60
const shownFaults = 20

function planAt(scale: number): Plan {
  const duration = (seconds: number) => Math.max(smallest.seconds, seconds * scale)
  const sizes = full.sizes.map(({ clients, seconds }) => ({
    clients: usersPerChannel * Math.max(smallest.channels, Math.round((clients * scale) / usersPerChannel)),
    seconds: duration(seconds),
  }))
  return {
    sizes: sizes.filter(({ clients }, i) => clients !== sizes[i + 1]?.clients),
    perSecond: Math.max(smallest.perSecond, full.perSecond * scale),
    warmUpSeconds: duration(full.warmUpSeconds),
    revocations: Math.max(smallest.revocations, Math.round(full.revocations * scale)),
    revokingSeconds: duration(full.revokingSeconds),
    alteringSeconds: duration(full.alteringSeconds),
    isFull: scale === 1,
  }
}

async function measure(world: World, plan: Plan, say: BenchContext['say']): Promise<Figure[]> {
  const { perSecond } = plan
  const limitMs = plan.isFull ? revocationLimitMs : null
  const figures: Figure[] = []
  for (const [i, { clients, seconds }] of plan.sizes.entries()) {
    say(`connecting ${clients} clients`)
    const connectMs = await world.connect(clients)
    if (i === 0) await world.measure(perSecond, plan.warmUpSeconds)
    say(`${perSecond} changes a second`)
    const measured = await world.measure(perSecond, seconds)
    figures.push(...liveFigures(measured, clients, connectMs, plan.isFull && i === plan.sizes.length - 1))
    if (i > 0) continue
    say('taking their role out of its group meanwhile')
    const role = await world.revokeRole(perSecond, plan.alteringSeconds)
    figures.push(
      atMost(
        `${counted(clients)}: role membership revoked, to the last page`,
        Math.max(...reached(role)),
        'ms',
        limitMs,
      ),
    )
  }
  say(`taking ${plan.revocations} users out of their channels meanwhile`)
  const memberships = await world.revokeMemberships(perSecond, plan.revokingSeconds, plan.revocations)
  say('changing the policy meanwhile')
  const policy = await world.changePolicy(perSecond, plan.alteringSeconds)
  say('taking the grant away meanwhile')
  const grant = await world.revokeGrant(perSecond, plan.alteringSeconds)
  figures.push(
    figure('membership revoked: p50 to the page', quantile(reached(memberships), 0.5), 'ms'),
    atMost('membership revoked: p99 to the page', quantile(reached(memberships), 0.99), 'ms', limitMs),
    atMost('policy changed: to the last page', Math.max(...reached(policy)), 'ms', limitMs),
    atMost('grant revoked: to the last page', Math.max(...reached(grant)), 'ms', limitMs),
    atMost('deliveries missing, wrong or forbidden', world.faults.length, '', 0),
  )
  for (const fault of world.faults.slice(0, shownFaults)) say(fault)
  return figures
}

function liveFigures(measured: Measured, clients: number, connected: Connected, isJudged: boolean): Figure[] {
  const { latenciesMs, perSecond, cores, server } = measured
  const name = (what: string) => `${counted(clients)}: ${what}`
  const limit = (limit: number) => (isJudged ? limit : null)
  return [
    figure(name('connected, all shown'), connected.ms, 'ms'),
    figure(name('work of the server for each'), connected.serverMs, 'ms'),
    ...visible(figure(name('work of PostgreSQL for each'), connected.postgresqlMs, 'ms')),
    atLeast(name('changes'), perSecond, '/s', limit(full.perSecond * kept)),
    figure(name('commit to client, p50'), quantile(latenciesMs, 0.5), 'ms'),
    atMost(name('commit to client, p95'), quantile(latenciesMs, 0.95), 'ms', limit(p95LimitMs)),
    figure(name('commit to client, p99'), quantile(latenciesMs, 0.99), 'ms'),
    figure(name('server'), cores.server * 100, '% of a core'),
    ...visible(figure(name('PostgreSQL'), cores.postgresql * 100, '% of a core')),
    figure(name('the clients themselves'), cores.clients * 100, '% of a core'),
    figure(name('memory of the server'), server.rssMb, 'MB'),
    figure(name('longest block of its event loop'), server.longestBlockMs, 'ms'),
  ]
}

function counted(clients: number): string {
  return `${clients.toLocaleString('en')} clients`
}

/** What PostgreSQL has used cannot always be seen. */
function visible(figure: Figure): Figure[] {
  return Number.isNaN(figure.value) ? [] : [figure]
}

/** Whom it has not reached at all counts as never. */
function reached(delays: Delays): number[] {
  return delays.map((ms) => ms ?? Infinity)
}
