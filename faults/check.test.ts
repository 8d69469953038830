import fc from 'fast-check'
import { expect, test } from 'vitest'
import { check } from './check.ts'
import { describe, type ViolationKind } from './findings.ts'
import type { FaultRecord } from './records.ts'
import { soundRun } from './testing/sound-run.ts'

const runs = fc
  .array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 400, maxLength: 800 })
  .map(soundRun)

test('nothing is found in a run in which nothing went wrong', () => {
  fc.assert(
    fc.property(runs, (records) => {
      const { violations, counts } = check([records], { without: ['resumesChecked', 'recorded', 'sums'] })
      expect(violations.map(describe)).toEqual([])
      expect(counts.statements).toBeGreaterThan(0)
    }),
    { numRuns: 30 },
  )
})

type Kinds = readonly ViolationKind[]
type OfKind<K> = Extract<FaultRecord, { kind: K }>

/**
 * A way in which a run can go wrong. It alters the records at a place of its choice: undefined if this run has no
 * such place.
 */
interface Corruption {
  readonly name: string
  /** One of these is to be found, and whatever follows from it besides. */
  readonly kinds: Kinds
  corrupt(
    records: readonly FaultRecord[],
    choose: <T>(items: readonly T[]) => T | undefined,
  ): FaultRecord[] | undefined
}

function isKind<K extends FaultRecord['kind']>(kind: K) {
  return (record: FaultRecord): record is OfKind<K> => record.kind === kind
}

/** Puts others in the place of one record. */
function replace(records: readonly FaultRecord[], old: FaultRecord, ...others: FaultRecord[]): FaultRecord[] {
  return records.flatMap((record) => (record === old ? others : [record]))
}

/** Commits of a client that show something else for `name` than the one before did, at the same epoch. */
function steps(
  records: readonly FaultRecord[],
  name: string,
): { before: OfKind<'applied'>; after: OfKind<'applied'> }[] {
  const applied = records.filter(isKind('applied'))
  return applied.flatMap((after, i) => {
    const before = applied.slice(0, i).findLast(({ client }) => client === after.client)
    const isStep =
      before &&
      before.held[name]?.hash !== after.held[name]?.hash &&
      before.position.split('/')[0] === after.position.split('/')[0]
    return isStep ? [{ before, after }] : []
  })
}

function handedOver(records: readonly FaultRecord[]): OfKind<'recorded'>[] {
  return records.filter(isKind('recorded')).filter(({ changes }) => changes.length > 0)
}

const corruptions: Corruption[] = [
  {
    name: 'a commit does not show what a transaction did',
    kinds: ['lost'],
    corrupt(records, choose) {
      const step = choose(steps(records, 'accounts'))
      const accounts = step?.before.held['accounts']
      return (
        step &&
        accounts &&
        replace(records, step.after, { ...step.after, held: { ...step.after.held, accounts } })
      )
    },
  },
  {
    name: 'a page does not show what a transaction did',
    kinds: ['lost'],
    corrupt(records, choose) {
      const step = choose(steps(records, 'ledger'))
      const page =
        step &&
        records
          .filter(isKind('rendered'))
          .find(({ client, at }) => client === step.after.client && at > step.after.at)
      const ledger = step?.before.held['ledger']
      return page && ledger && replace(records, page, { ...page, shown: { ...page.shown, ledger } })
    },
  },
  {
    name: 'a recorder is not handed a transaction',
    kinds: ['lost'],
    corrupt(records, choose) {
      const record = choose(handedOver(records))
      const xid = choose(record?.changes ?? [])?.transaction
      return (
        record &&
        replace(records, record, { ...record, changes: record.changes.filter((c) => c.transaction !== xid) })
      )
    },
  },
  {
    name: 'a recorder is not told of a gap',
    kinds: ['lost'],
    corrupt(records, choose) {
      const wrote = records
        .filter(isKind('wrote'))
        .filter(({ isCommitted, writes }) => isCommitted && writes.some((write) => write.do === 'put'))
      const recorded = records.filter(isKind('recorded'))
      const record = choose(
        recorded.filter(({ gap, client, at }) => {
          const before = records.findLast(
            (other) => other.kind === 'applied' && other.client === client && other.at < at - 1,
          )
          return gap !== undefined && before && wrote.some((other) => other.at > before.at && other.at < at)
        }),
      )
      const { gap: _, ...untold } = record ?? {}
      return record && replace(records, record, { ...untold, kind: 'recorded' } as FaultRecord)
    },
  },
  {
    name: 'a recorder is told of a gap for no reason',
    kinds: ['reset'],
    corrupt(records, choose) {
      const record = choose(records.filter(isKind('recorded')).filter(({ gap }) => gap === undefined))
      return record && replace(records, record, { ...record, gap: 'refreshed' })
    },
  },
  {
    name: 'a recorder is handed a change again at once',
    kinds: ['twice'],
    corrupt(records, choose) {
      const record = choose(records.filter(isKind('recorded')))
      const change = choose(record?.changes ?? [])
      return record && change && replace(records, record, { ...record, changes: [...record.changes, change] })
    },
  },
  {
    name: 'a recorder is handed a transaction again later',
    kinds: ['twice'],
    corrupt(records, choose) {
      const recorded = handedOver(records)
      const record = choose(recorded)
      const later = record && recorded.find(({ client, at }) => client === record.client && at > record.at)
      return later && replace(records, later, { ...later, changes: [...record.changes, ...later.changes] })
    },
  },
  {
    name: 'a recorder is handed a part of a transaction',
    kinds: ['torn'],
    corrupt(records, choose) {
      const record = choose(
        records
          .filter(isKind('recorded'))
          .filter(({ changes }) => changes.length > 1 && changes[0]?.transaction === changes[1]?.transaction),
      )
      return record && replace(records, record, { ...record, changes: record.changes.slice(1) })
    },
  },
  {
    name: 'a recorder is handed what was rolled back',
    kinds: ['early'],
    corrupt(records, choose) {
      const wrote = choose(records.filter(isKind('wrote')).filter(({ isCommitted }) => !isCommitted))
      const record = choose(records.filter(isKind('recorded')))
      const change = wrote && ({ transaction: wrote.xid, op: 'row_insert', key: '["w0",99]' } as const)
      return record && change && replace(records, record, { ...record, changes: [...record.changes, change] })
    },
  },
  {
    name: 'half of a transfer is shown',
    kinds: ['torn'],
    corrupt(records, choose) {
      const applied = choose(records.filter(isKind('applied')))
      const accounts = applied?.held['accounts']
      if (!accounts) return undefined
      const torn = {
        ...accounts,
        hash: 'other',
        sums: { ...accounts.sums, balance: (accounts.sums['balance'] ?? 0) - 7 },
      }
      return replace(records, applied, { ...applied, held: { ...applied.held, accounts: torn } })
    },
  },
  {
    name: 'some rows of a table are changed that change together',
    kinds: ['torn'],
    corrupt(records, choose) {
      const applied = choose(records.filter(isKind('applied')))
      const crowd = applied?.held['crowd']
      if (!crowd) return undefined
      const torn = {
        ...crowd,
        hash: 'other',
        sums: { ...crowd.sums, generation: (crowd.sums['generation'] ?? 0) + 1 },
      }
      return replace(records, applied, { ...applied, held: { ...applied.held, crowd: torn } })
    },
  },
  {
    name: 'a window shows something else',
    kinds: ['wrong'],
    corrupt(records, choose) {
      const applied = choose(records.filter(isKind('applied')))
      const richest = applied?.held['richest']
      if (!richest) return undefined
      const other = { ...richest, hash: 'other' }
      return replace(records, applied, { ...applied, held: { ...applied.held, richest: other } })
    },
  },
  {
    name: 'two commits change places',
    kinds: ['backwards'],
    corrupt(records, choose) {
      const step = choose(steps(records, 'accounts'))
      if (!step) return undefined
      const { before, after } = step
      return records.map((record) => (record === before ? after : record === after ? before : record))
    },
  },
  {
    name: 'a store goes back to a position',
    kinds: ['backwards'],
    corrupt(records, choose) {
      const step = choose(steps(records, 'accounts'))
      return step && replace(records, step.after, step.after, { ...step.before, at: step.after.at })
    },
  },
  {
    name: 'a page goes back to a position',
    kinds: ['backwards'],
    corrupt(records, choose) {
      const step = choose(steps(records, 'ledger'))
      const pages = records.filter(isKind('rendered')).filter(({ client }) => client === step?.after.client)
      const later = pages.find(({ at }) => step && at > step.after.at)
      const old = pages.find(({ position }) => position === step?.before.position)
      return later && old && replace(records, later, later, { ...old, at: later.at })
    },
  },
  {
    name: 'another epoch comes without a reset',
    kinds: ['backwards'],
    corrupt(records, choose) {
      const reset = choose(records.filter(isKind('given')).filter(({ message }) => message === 'reset'))
      return reset && replace(records, reset)
    },
  },
  {
    name: 'a row is another at the end',
    kinds: ['end'],
    corrupt(records, choose) {
      const ended = choose(records.filter(isKind('ended')))
      const accounts = ended?.held['accounts'] as { id: number; balance: number }[] | undefined
      if (!ended || !accounts) return undefined
      const other = accounts.map((row, i) => (i === 2 ? { ...row, balance: row.balance + 1 } : row))
      return replace(records, ended, { ...ended, held: { ...ended.held, accounts: other } })
    },
  },
  {
    name: 'a subscription has nothing at the end',
    kinds: ['end'],
    corrupt(records, choose) {
      const ended = choose(records.filter(isKind('ended')))
      const { ledger: _, ...held } = ended?.held ?? {}
      return ended && replace(records, ended, { ...ended, held })
    },
  },
  {
    name: 'a client does not come to its end',
    kinds: ['end'],
    corrupt(records, choose) {
      const ended = choose(records.filter(isKind('ended')))
      return ended && replace(records, ended)
    },
  },
  {
    name: 'a resume lacks a transaction',
    kinds: ['lost'],
    corrupt(records, choose) {
      const given = choose(
        records.filter(
          (record, i): record is Batch => isBatch(record) && records[i - 1]?.kind === 'answered',
        ),
      )
      const committed = records.filter(isKind('wrote'))
      const xid = given?.transactions.find(
        (id) => (committed.find((wrote) => wrote.xid === id)?.writes.length ?? 0) > 0,
      )
      return (
        given &&
        replace(records, given, { ...given, transactions: given.transactions.filter((id) => id !== xid) })
      )
    },
  },
  {
    name: 'a resume brings a transaction that was there',
    kinds: ['twice'],
    corrupt(records, choose) {
      const batches = records.filter(isBatch)
      const pair = choose(
        batches.flatMap((given) => {
          const earlier = batches.find(
            ({ client, connection, to }) =>
              client === given.client &&
              connection < given.connection &&
              to.split('/')[0] === given.to.split('/')[0],
          )
          return earlier ? [{ given, earlier }] : []
        }),
      )
      if (!pair) return undefined
      const { given, earlier } = pair
      return replace(records, given, {
        ...given,
        transactions: [...earlier.transactions, ...given.transactions],
      })
    },
  },
  {
    name: 'a reset comes for no reason',
    kinds: ['reset'],
    corrupt(records, choose) {
      const given = choose(records.filter(isBatch))
      return given && replace(records, given, { ...given, message: 'reset', reason: 'position_expired' })
    },
  },
  {
    name: 'a resume reads afresh what is held',
    kinds: ['reset'],
    corrupt(records, choose) {
      const next = choose(
        records.filter(
          (record, i): record is Batch => isBatch(record) && records[i - 1]?.kind === 'answered',
        ),
      )
      if (!next) return undefined
      return replace(
        records,
        next,
        { ...next, message: 'snapshot', subscription: 'ledger', rows: 3, done: true },
        next,
      )
    },
  },
  {
    name: 'a subscription is ended',
    kinds: ['reset'],
    corrupt(records, choose) {
      const given = choose(records.filter(isBatch))
      return (
        given &&
        replace(records, given, given, {
          ...given,
          message: 'ended',
          subscription: 'ledger',
          code: 'internal',
        })
      )
    },
  },
  {
    name: 'a client finds a change that it cannot apply',
    kinds: ['error'],
    corrupt: (records) => [
      ...records,
      { kind: 'reported', at: 1, client: 'a', code: 'row_missing', message: 'ledger is out of step' },
    ],
  },
  {
    name: 'a request is refused',
    kinds: ['error'],
    corrupt(records, choose) {
      const answered = choose(records.filter(isKind('answered')))
      return answered && replace(records, answered, { ...answered, code: 'session_not_found' })
    },
  },
  {
    name: 'a writer did what it does not say',
    kinds: ['records'],
    corrupt(records, choose) {
      const wrote = choose(
        records
          .filter(isKind('wrote'))
          .filter(({ isCommitted, writes }) => isCommitted && writes.some((write) => write.do === 'add')),
      )
      return wrote && replace(records, wrote)
    },
  },
  {
    name: 'a table was not read at the end',
    kinds: ['unchecked'],
    corrupt(records, choose) {
      const selected = choose(records.filter(isKind('selected')))
      return selected && replace(records, selected)
    },
  },
]

type Batch = OfKind<'given'> & { readonly message: 'batch' }

function isBatch(record: FaultRecord): record is Batch {
  return record.kind === 'given' && record.message === 'batch'
}

/** So many runs are tried until so many could be corrupted: some hold nothing of what would be. */
const enough = 6
const numRuns = 100

test.each(corruptions)('found: $name', ({ kinds, corrupt }) => {
  let corrupted = 0
  fc.assert(
    fc.property(runs, fc.infiniteStream(fc.nat()), (records, numbers) => {
      const choose = <T>(items: readonly T[]): T | undefined =>
        items[(numbers.next().value ?? 0) % Math.max(1, items.length)]
      const altered = corrupted < enough && corrupt(records, choose)
      if (!altered) return
      corrupted++
      const found = check([altered]).violations.map(({ kind }) => kind)
      expect(
        found.some((kind) => kinds.includes(kind)),
        `found ${found.join()}`,
      ).toBe(true)
    }),
    { numRuns, endOnFailure: true },
  )
  expect(corrupted).toBe(enough)
})

test.each([
  'transactions',
  'commits',
  'renders',
  'statements',
  'sums',
  'recorded',
  'deliveries',
  'resumesChecked',
  'endings',
] as const)('a run without %s is not a run in which nothing went wrong', (needed) => {
  const { violations } = check([[{ kind: 'run', at: 0, seed: 1, tables: [] }]])
  expect(violations).toContainEqual(expect.objectContaining({ kind: 'unchecked', subscription: needed }))
})

test('what is left while it is caught up with need not be sent', () => {
  fc.assert(
    fc.property(runs, (records) => {
      const altered = records.flatMap((record, i): FaultRecord[] => {
        const answered = records[i - 1]
        if (!isBatch(record) || answered?.kind !== 'answered') return [record]
        const { client, connection, at } = record
        const ids = answered.subscriptions.flatMap(({ id }) => id ?? [])
        return ids.map((id) => ({ kind: 'asked', at, client, connection, request: 'unsubscribe', id }))
      })
      const { violations } = check([altered], {
        without: ['resumesChecked', 'recorded', 'sums', 'deliveries'],
      })
      expect(violations.map(describe)).toEqual([])
    }),
    { numRuns: 5, endOnFailure: true },
  )
})

test('what a run was not made for need not be there', () => {
  const { violations } = check([[{ kind: 'run', at: 0, seed: 1, tables: [] }]], { without: ['renders'] })
  expect(violations.some(({ subscription }) => subscription === 'renders')).toBe(false)
})

test('records without a beginning are no run', () => {
  expect(check([[]]).violations[0]).toMatchObject({ kind: 'records' })
})
