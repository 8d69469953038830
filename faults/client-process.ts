import '../client/testing/dom.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { parsePosition } from '../shared/position.ts'
import { answerParent } from '../test/child.ts'
import { FaultClient, type ClientFigures, type SessionKey } from './fault-client.ts'
import { randomFrom } from '../audit/random.ts'
import { openRecords } from './records.ts'

// Some of a run's clients, in a process of their own.

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false })

export interface ClientSpec {
  readonly name: string
  readonly urls: readonly [string, string]
  readonly isPage: boolean
  readonly isBig: boolean
  /** Clients with the same name here share a session. */
  readonly session?: string
}

export interface ClientsOptions {
  readonly seed: number
  readonly clients: readonly ClientSpec[]
  readonly file: string
}

const figures: ClientFigures = { deliveries: 0, applied: 0, resumes: 0, resets: 0 }
const shared = new Map<string, { key: SessionKey | undefined }>()
let clients: FaultClient[] = []
let records: ReturnType<typeof openRecords> | undefined

answerParent({
  start({ seed, clients: specs, file }: ClientsOptions) {
    records = openRecords(file)
    const record: ConstructorParameters<typeof FaultClient>[0]['record'] = (one) =>
      records?.write({ at: Date.now(), ...one } as Parameters<NonNullable<typeof records>['write']>[0])
    clients = specs.map(({ session, ...spec }) => {
      let sharing: { key: SessionKey | undefined } | undefined
      if (session !== undefined) {
        sharing = shared.get(session) ?? { key: undefined }
        shared.set(session, sharing)
      }
      return new FaultClient({
        ...spec,
        shared: sharing,
        random: randomFrom(seed, spec.name),
        figures,
        record,
      })
    })
    for (const client of clients) client.start()
  },
  figures: () => figures,
  /** No more moves; waits until everybody is live and has seen a transaction. @returns who has not, and why */
  async settle({ xid, withinMs }: { xid: string; withinMs: number }): Promise<string[]> {
    for (const client of clients) client.settle()
    const deadline = performance.now() + withinMs
    const isEnd = (position: string): boolean => sees(position, BigInt(xid))
    for (;;) {
      const unfinished = clients.flatMap((client) => {
        const why = client.unfinished(isEnd)
        return why === undefined ? [] : [`${client.name} ${why}`]
      })
      if (unfinished.length === 0 || performance.now() > deadline) return unfinished
      await sleep(50)
    }
  },
  end() {
    for (const client of clients) client.end()
    records?.close()
    records = undefined
  },
})

function sees(position: string, xid: bigint): boolean {
  const [, xmax = '0', xip = ''] = parsePosition(position).snapshot.split(':')
  return xid < BigInt(xmax) && !xip.split(',').includes(String(xid))
}
