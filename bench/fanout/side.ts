import type { Child } from '../../test/child.ts'
import type { Usage } from '../suite/usage.ts'
import type { Taken } from './clients-process.ts'

/** What one side did in one round. */
export interface Run {
  /** To all clients together. */
  readonly changesPerSecond: number
  readonly messagesPerSecond: number
  readonly changesPerMessage: number
  /** Of the server. */
  readonly cpuUsPerChange: number
  readonly cpuUsPerMessage: number
  /** Of one core. */
  readonly clientsCpu: number
}

/** A server and its clients. */
export interface Side {
  readonly url: string
  readonly clients: Child
  /** What the server has used. */
  cpuMs(): Promise<number>
}

export interface Sent {
  /** By `now()` of clock.ts. */
  readonly startedAt: number
  readonly changes: number
}

export async function cpuMsOf(process: Child): Promise<number> {
  const { cpuMs } = await process.ask<Usage>('usage')
  return cpuMs
}

/**
 * Has something sent, and waits until all clients have it.
 *
 * @param options.perMessage how many clients get a change
 */
export async function measureRun(
  { clients, cpuMs }: Side,
  options: { readonly setting: number; readonly isRecorded: boolean; readonly perMessage: number },
  send: () => Promise<Sent>,
): Promise<Run> {
  const { setting, isRecorded, perMessage } = options
  await clients.ask('begin', { setting, isRecorded })
  const used = () => Promise.all([cpuMs(), cpuMsOf(clients)])
  const [serverBefore, clientsBefore] = await used()
  const { startedAt, changes: sent } = await send()
  const { messages, changes, lastAt } = await clients.ask<Taken>('until', sent * perMessage)
  const [serverAfter, clientsAfter] = await used()
  const seconds = (lastAt - startedAt) / 1_000
  const cpuUs = 1_000 * (serverAfter - serverBefore)
  return {
    changesPerSecond: changes / seconds,
    messagesPerSecond: messages / seconds,
    changesPerMessage: changes / messages,
    cpuUsPerChange: cpuUs / changes,
    cpuUsPerMessage: cpuUs / messages,
    clientsCpu: (clientsAfter - clientsBefore) / 1_000 / seconds,
  }
}
