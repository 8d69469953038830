import type { RunOptions } from '../harness.ts'
import { smallSize } from '../workload.ts'
import type { PlantedBug } from './plant.ts'

/** A short run with little in it: a bug that does harm does it soon, where what provokes it happens all the time. */
export const shortRun: RunOptions = {
  seed: 11,
  durationMs: 6_000,
  servers: 2,
  clients: 5,
  size: smallSize,
  writers: 4,
  pauseMs: 20,
  bulkEveryMs: 60_000,
  kinds: ['client_cut', 'client_reset'],
  everyMs: 500,
  // Who has been misled may never come to rest, and is not waited for.
  restMs: 4_000,
  memoryEveryMs: 60_000,
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'the reader moves its position before it has delivered',
    kinds: ['lost'],
    isQuick: true,
    edits: [
      {
        file: 'server/log/log-reader.ts',
        find: `    await this.#options.deliver(pass)\n`,
        // that a pass fails does no harm by itself, and need not be waited for
        replace: `    this.#position = { epoch: position.epoch, snapshot: to }
    if (Math.random() < 0.3) throw new Error('a query fails')
    await this.#options.deliver(pass)
`,
      },
    ],
    run: { servers: 1, kinds: [] },
  },
  {
    name: 'what came while a connection caught up is dropped',
    kinds: ['lost'],
    edits: [
      {
        file: 'server/gateway/connection.ts',
        find: `    for (const batch of this.#backlog) this.emit('batch', batch)\n`,
        replace: '',
      },
    ],
    run: {},
  },
  {
    name: 'transactions that were open at a position are never read after it',
    kinds: ['lost'],
    edits: [
      {
        file: 'sql/functions/event/changes_between.sql',
        find: 'and c.xid = any (array(select x from pg_snapshot_xip($1) as x where pg_visible_in_snapshot(x, $2)))',
        replace: 'and false',
      },
    ],
    run: { kinds: [] },
  },
  {
    name: 'who follows what has changed too much is not told of it',
    kinds: ['lost'],
    edits: [
      {
        file: 'server/gateway/broadcast.ts',
        find: 'for (const connection of following.suspend(id)) fallBehind(connection, pass.from)',
        replace: 'following.suspend(id)',
      },
    ],
    run: { kinds: [], bulkEveryMs: 1_500, size: { ...smallSize, bulk: 12_000 } },
  },
  {
    name: 'a message that comes twice is applied twice',
    kinds: ['twice'],
    isQuick: true,
    edits: [
      {
        file: 'client/core/sync.ts',
        find: 'if (message.part !== undefined || !this.#isAhead(message.to)) return',
        replace: 'if (message.part !== undefined || this.#isBack(message.to)) return',
      },
    ],
    run: { servers: 1, kinds: [] },
  },
  {
    name: 'who comes back is sent some transactions that it had',
    kinds: ['twice'],
    edits: [
      {
        file: 'server/gateway/missing.ts',
        find: 'from: from && from.snapshot, inbox',
        replace: `from: from && from.snapshot.split(':').slice(0, 1).map((xmin) => \`\${Number(xmin) - 20}:\${Number(xmin) - 20}:\`)[0], inbox`,
      },
    ],
    run: {},
  },
  {
    name: 'each change is a commit of its own',
    kinds: ['torn'],
    isQuick: true,
    edits: [
      {
        file: 'client/core/sync.ts',
        find: '        this.#parts.replica.applyBatch(message)\n',
        replace: `        for (const transaction of message.transactions)
          for (const change of transaction.changes) {
            this.#parts.replica.applyBatch({ ...message, orders: [], transactions: [{ ...transaction, changes: [change] }] })
            this.#commit()
          }
`,
      },
    ],
    run: { servers: 1, kinds: [] },
  },
  {
    name: 'snapshots are read at another moment than that of the boundary',
    kinds: ['wrong', 'lost', 'torn', 'early'],
    isQuick: true,
    edits: [
      {
        file: 'server/gateway/snapshot-readers.ts',
        find: `repeatable read read only; set transaction snapshot '\${snapshotId.replaceAll("'", "''")}'`,
        replace: `read committed read only; select pg_sleep(0.4), '\${snapshotId.length}'`,
      },
    ],
    run: {},
  },
  {
    name: 'the server tells of a position of before, and the client goes there',
    kinds: ['backwards'],
    isQuick: true,
    edits: [
      {
        file: 'server/gateway/broadcast.ts',
        find: 'this.#sendProgress(to, this.#progressMs)',
        replace:
          'this.#sendProgress(formatPosition({ epoch: pass.epoch, snapshot: pass.from }), this.#progressMs)',
      },
      {
        file: 'client/core/sync.ts',
        find: 'return this.#position !== undefined && isBehind(position, this.#position)',
        replace: 'return isBehind(position, position)',
      },
    ],
    run: { servers: 1, kinds: [] },
  },
  {
    name: 'another epoch is taken for the same',
    kinds: ['backwards'],
    edits: [
      {
        file: 'server/gateway/missing.ts',
        find: 'if ((from && from.epoch !== epoch) || (acknowledged && acknowledged.epoch !== epoch))',
        replace: `if (epoch === '')`,
      },
    ],
    run: { kinds: ['postgres_restart'], everyMs: 3_000 },
  },
  {
    name: 'a listener of the page is not always told',
    kinds: ['lost', 'end'],
    edits: [
      {
        file: 'client/core/subscriptions.ts',
        find: 'for (const listener of [...this.listeners]) listener()',
        replace: 'for (const listener of [...this.listeners]) if (Math.random() < 0.5) listener()',
      },
    ],
    run: { kinds: [] },
  },
]
