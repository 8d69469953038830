import type { PlantedLeak } from './plant.ts'

/** Of a world in which most see some rows, and not all. */
export const plantedSeed = 10

/** Mostly nobody's rights change: then everything is judged strictly. */
export const plantedSize = { calm: 120, changes: 2, restMs: 5_000 }

/** What somebody might get wrong, as edits of the source as it is. */
export const plantedLeaks: readonly PlantedLeak[] = [
  {
    name: 'a delete is told to all who follow the table, whoever could see the row',
    kinds: ['foreign_delete'],
    isQuick: true,
    edits: [
      {
        file: 'server/routing/shift-windows.ts',
        find: '  return decisions.map(({ feed, entering, leaving })',
        replace: `  for (const view of aspect.views.values())
    for (const feed of view.feeds)
      for (const change of changes)
        if (change.row.op === 'row_delete') batch.deliver(feed, change, columnOf(feed.definition))
  return decisions.map(({ feed, entering, leaving })`,
      },
    ],
  },
  {
    name: 'who sees what is not asked again when a membership changes',
    kinds: ['shown', 'unseen'],
    isQuick: true,
    edits: [
      {
        file: 'server/routing/route-batch.ts',
        find: ': aspect.viewsConcernedBy(decisive)',
        replace: ': new Set<never>()',
      },
    ],
  },
  {
    name: 'changes are told with all columns, whichever the role may select',
    kinds: ['unseen', 'shown'],
    isQuick: true,
    edits: [
      {
        file: 'server/routing/routed-batch.ts',
        find: 'column === null ? feed.definition.relation.visible : new Set([column])',
        replace: 'null as Set<string> | null',
      },
    ],
  },
  {
    name: 'a row that is shown at the end is told of with all that it held in between',
    kinds: ['unseen'],
    isQuick: true,
    edits: [
      {
        file: 'server/routing/shift-windows.ts',
        find: 'deliver(isSecured ? net.staying(key) : (byKey.get(key) ?? []))',
        replace: 'deliver(byKey.get(key) ?? [])',
      },
    ],
  },
  {
    name: 'a snapshot is read as the server itself',
    kinds: ['unseen', 'text', 'shown'],
    edits: [
      {
        file: 'server/gateway/serve.ts',
        find: '          await assume(client, identity)\n',
        replace: "          await assume(client, { ...identity, role: 'none' })\n",
      },
    ],
  },
  {
    name: 'all of a role are taken to see the same',
    kinds: ['unseen', 'shown', 'text'],
    edits: [
      {
        file: 'server/routing/sight.ts',
        find: 'return { name: JSON.stringify([role, own ?? claims])',
        replace: 'return { name: JSON.stringify([role])',
      },
    ],
  },
]
