import type pg from 'pg'
import type { KeyText } from '../../shared/change.ts'
import type { Definition } from './definition.ts'
import type { Images } from './images.ts'
import { readAs } from './read-as.ts'
import { selectByKeys } from './select.ts'
import { queryOf, readShown } from './shown.ts'
import { Sights } from './sights.ts'
import { allSeen } from './who-sees.ts'
import type { Aspect, View, WindowFeed } from './window-index.ts'

/** A feed that must look again, and the changed rows because of which. */
export interface Concern {
  readonly feed: WindowFeed
  readonly touched: Set<KeyText>
  /** All that it shows is read again, not just these. */
  readonly isReread: boolean
}

/** What becomes of a feed at the end of a batch. It costs what changes, and not what is held, unless all had to be read again. */
export interface Decision extends Concern {
  readonly entering: readonly KeyText[]
  readonly leaving: readonly KeyText[]
  /** Of the changed rows those that it has shown and shows. */
  readonly staying: readonly KeyText[]
  /** All that it shows, in its order if it has one. Null if only the changed rows were looked at. */
  readonly after: ReadonlySet<KeyText> | null
}

/** From so many on it pays to look at all rows once, rather than by the indexes that serve one identity. */
const manyIdentities = 4

export function isOrdered({ window }: WindowFeed): boolean {
  return window.query !== null && window.query.orderBy.length > 0
}

/**
 * Decides what feeds show now. Those of one meaning are asked for in one question, whoever follows them.
 *
 * @param seen which views see which of the changed rows
 */
export async function decideWindows(
  client: pg.ClientBase,
  aspect: Aspect,
  concerns: readonly Concern[],
  seen: ReadonlyMap<KeyText, ReadonlySet<View>>,
  images: Images,
): Promise<Decision[]> {
  const decisions: Decision[] = []
  for (const alike of groupsOf(concerns.filter(({ isReread }) => isReread))) {
    const shown = await shownToEach(
      client,
      alike.map(({ feed }) => feed.definition),
    )
    alike.forEach((concern, i) => decisions.push(reread(concern, shown[i] ?? new Set())))
  }
  const asked: Concern[] = []
  for (const concern of concerns.filter(({ isReread }) => !isReread)) {
    const matching = matchesOf(aspect, concern, seen, images)
    if (matching) decisions.push(looked(concern, matching))
    else asked.push(concern)
  }
  for (const alike of groupsOf(asked)) {
    const matching = await readMatches(client, aspect, alike)
    alike.forEach((concern, i) => decisions.push(looked(concern, matching[i] ?? [])))
  }
  return decisions
}

/** What subscriptions of one meaning and one role show: without a filter, all that those see who follow them. */
async function shownToEach(
  client: pg.ClientBase,
  definitions: readonly Definition[],
): Promise<readonly ReadonlySet<KeyText>[]> {
  const [first] = definitions
  const isWhole = first && !('key' in first) && queryOf(first) === null
  if (!isWhole || definitions.length < manyIdentities) return readShown(client, definitions)
  const seen = await allSeen(client, first.relation, new Sights(definitions.map(({ sight }) => sight)))
  return seen ?? readShown(client, definitions)
}

function groupsOf(concerns: readonly Concern[]): Iterable<Concern[]> {
  const groups = new Map<string, Concern[]>()
  for (const concern of concerns) {
    const { id } = concern.feed.definition
    const group = groups.get(id)
    if (group) group.push(concern)
    else groups.set(id, [concern])
  }
  return groups.values()
}

/** Which of its changed rows a feed shows; undefined if only PostgreSQL can say. */
function matchesOf(
  aspect: Aspect,
  { feed, touched }: Concern,
  seen: ReadonlyMap<KeyText, ReadonlySet<View>>,
  images: Images,
): KeyText[] | undefined {
  const { definition, window } = feed
  const view = aspect.views.get(definition.sight.name)
  const visible = [...touched].filter((key) => view !== undefined && seen.get(key)?.has(view))
  if ('key' in definition) return visible.filter((key) => key === definition.key)
  const { query } = window
  if (query === null || visible.length === 0) return visible
  if (!query.isDecidedByEqualities) return undefined
  return visible.filter((key) => {
    const row = images.get(key)?.row
    return row && query.equalities.every(({ column, value }) => JSON.stringify(row[column]) === value)
  })
}

async function readMatches(
  client: pg.ClientBase,
  { relation }: Aspect,
  concerns: readonly Concern[],
): Promise<KeyText[][]> {
  const [first] = concerns
  const keys = new Set(concerns.flatMap(({ touched }) => [...touched]))
  const query = first?.feed.window.query ?? null
  const columns = `${relation.keyExpression} as key, null::text as "row"`
  const select = selectByKeys(relation, query, columns, [...keys])
  const claims = concerns.map(({ feed }) => feed.definition.sight.claims)
  // A row comes twice that has had keys which are equal in SQL, as 1.0 and 1.00 are.
  const matches = concerns.map(() => new Set<KeyText>())
  for (const { place, key } of await readAs(client, relation, claims, select))
    if (concerns[place]?.touched.has(key)) matches[place]?.add(key)
  return matches.map((keys) => [...keys])
}

function reread(concern: Concern, after: ReadonlySet<KeyText>): Decision {
  const before = concern.feed.window.keys
  return {
    ...concern,
    entering: [...after].filter((key) => !before.has(key)),
    leaving: [...before].filter((key) => !after.has(key)),
    staying: [...concern.touched].filter((key) => before.has(key) && after.has(key)),
    after,
  }
}

/** @param matching which of its changed rows it shows now */
function looked(concern: Concern, matching: readonly KeyText[]): Decision {
  const before = concern.feed.window.keys
  const after = new Set(matching)
  return {
    ...concern,
    entering: matching.filter((key) => !before.has(key)),
    leaving: [...concern.touched].filter((key) => before.has(key) && !after.has(key)),
    staying: matching.filter((key) => before.has(key)),
    after: null,
  }
}
