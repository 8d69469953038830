import type pg from 'pg'
import type { KeyText } from '../../shared/change.ts'
import { RowcastError } from '../../shared/errors.ts'
import { isRefusal, lockNotAvailable, queryCanceled, sqlStateOf } from '../db/failures.ts'
import { relationsRead } from '../policies/relations-read.ts'
import type { Definition } from '../routing/definition.ts'
import { hasWindow, isFoundByIndex, readEachShown, readShown } from '../routing/shown.ts'
import type { Connection } from './connection.ts'
import { nameOf, type Following } from './following.ts'
import { orLimit, setTimeLimit, tooMuch, type SnapshotLimits } from './read-snapshot.ts'

/** After so long nothing else is begun with, but what its client shows already. */
const windowsMs = 250
/** And after so many rows, about. */
const keysPerBoundary = 200_000
/** So many that an index finds are asked for in one question. If it takes longer than it should, they are asked for one by one. */
const togetherAtOnce = 50
const togetherMs = 100
/** What takes no longer is never too much, however many of such a client shows: how many may be is limited. */
const trifleMs = 25
/** So long the live stream waits for a lock, for somebody to begin. */
const lockTimeoutMs = 50

/** What subscriptions with a window show, by their names; or why they may not. */
export type Windows = ReadonlyMap<string, ReadonlySet<KeyText> | RowcastError>

export interface NewWindows {
  /** What is not in it begins at a later boundary. */
  readonly windows: Windows
  /** Why PostgreSQL does not say what others show, by their names. */
  readonly refused: ReadonlyMap<string, unknown>
  /** Their connections have had too little time together, whoever's doing that is. By their names. */
  readonly hurried: ReadonlySet<string>
}

/**
 * Reads what those with a window show at a boundary that nobody has followed yet. The live stream waits for it: for
 * `windowsMs` and one statement more, or for what the first connection shows already. Of that it is given all at once, or told,
 * when the time of one statement is over, that what is left is too much; but nobody is refused for what others ask for.
 *
 * @param client reads the database as it stands at the boundary
 */
export async function readNewWindows(
  client: pg.ClientBase,
  connections: readonly Connection[],
  { following, limits }: { readonly following: Following; readonly limits: SnapshotLimits },
): Promise<NewWindows> {
  const windows = new Map<string, ReadonlySet<KeyText> | RowcastError>()
  const refused = new Map<string, unknown>()
  const locked = new Set<number>()
  const { rowsPerSubscription, queryMs } = limits
  const startedAt = performance.now()
  let keysRead = 0
  const shownByFirst = new Set(connections.slice(0, 1).flatMap(shownBy).map(nameOf))
  const isUrgent = ({ definitions }: Group): boolean =>
    definitions.some((definition) => shownByFirst.has(nameOf(definition)))
  const groups = groupsOf(connections.flatMap(definitionsOf).filter((each) => isNewWindow(each, following)))
  groups.sort((one, other) => Number(isUrgent(other)) - Number(isUrgent(one)))
  for (let group = groups.shift(); group; group = groups.shift()) {
    const elapsedMs = performance.now() - startedAt
    if (!isUrgent(group) && (keysRead > keysPerBoundary || elapsedMs > windowsMs)) continue
    const { definitions, isOfOneMeaning } = group
    const relationId = definitions[0]?.relation.id ?? 0
    if (locked.has(relationId)) continue
    const mayTakeMs = isUrgent(group) ? Math.max(trifleMs, queryMs - elapsedMs) : queryMs
    const timeLimit = setTimeLimit(isOfOneMeaning ? mayTakeMs : Math.min(togetherMs, mayTakeMs))
    await client.query(`savepoint new_window; set local lock_timeout = ${lockTimeoutMs}; ${timeLimit}`)
    try {
      const read = isOfOneMeaning ? readShown : readEachShown
      const shown = await read(client, definitions, rowsPerSubscription)
      if (definitions[0]?.relation.security?.isOpaque)
        following.routes.observe(relationId, await relationsRead(client))
      definitions.forEach((definition, i) => {
        const keys = shown[i] ?? new Set()
        keysRead += keys.size
        const isTooMany = keys.size > rowsPerSubscription
        windows.set(nameOf(definition), isTooMany ? tooMuch('rowsPerSubscription', limits) : keys)
      })
    } catch (error) {
      const state = sqlStateOf(error)
      if (state === lockNotAvailable) locked.add(relationId)
      else if (!isRefusal(error)) throw error
      else if (state === queryCanceled && connections.length > 1 && isOfOneMeaning)
        return { windows, refused, hurried: new Set(definitions.map(nameOf)) }
      else if (definitions.length > 1)
        groups.push(...definitions.map(alone)) // whose doing is it?
      else
        for (const definition of definitions) {
          const reason = orLimit(error, limits)
          if (reason instanceof RowcastError) windows.set(nameOf(definition), reason)
          else refused.set(nameOf(definition), reason)
        }
    } finally {
      await client.query('rollback to savepoint new_window; release savepoint new_window')
    }
  }
  return { windows, refused, hurried: new Set() }
}

export function isNewWindow(definition: Definition, following: Following): boolean {
  return hasWindow(definition) && !following.has(definition)
}

/** What a connection is yet to follow. */
export function definitionsOf({ pending }: Connection): Definition[] {
  return [...pending.values()].map(({ definition }) => definition)
}

/** Of that, what its client shows as it was. */
function shownBy({ pending }: Connection): Definition[] {
  return [...pending.values()].filter(({ isShown }) => isShown).map(({ definition }) => definition)
}

/** What is asked for in one question: of one relation, and either of one meaning or of one sight. */
interface Group {
  readonly definitions: readonly Definition[]
  readonly isOfOneMeaning: boolean
}

function alone(definition: Definition): Group {
  return { definitions: [definition], isOfOneMeaning: true }
}

/** Those that mean the same, each that is seen differently; and of what is left those that an index finds. */
function groupsOf(definitions: readonly Definition[]): Group[] {
  const meanings = new Map<string, Map<string, Definition>>()
  for (const definition of definitions) {
    const meaning = meanings.get(meaningOf(definition)) ?? new Map<string, Definition>()
    meanings.set(meaningOf(definition), meaning)
    meaning.set(nameOf(definition), definition)
  }
  const groups: Group[] = []
  const together = new Map<string, Definition[]>()
  for (const meaning of meanings.values()) {
    const [first, ...others] = meaning.values()
    if (!first) continue
    if (others.length > 0 || !isFoundByIndex(first)) {
      groups.push({ definitions: [first, ...others], isOfOneMeaning: true })
      continue
    }
    const { relation, sight } = first
    const name = `${relation.id}\n${relation.state}\n${sight.name}`
    const alike = together.get(name)
    if (!alike || alike.length === togetherAtOnce) {
      const begun = [first]
      together.set(name, begun)
      groups.push({ definitions: begun, isOfOneMeaning: false })
    } else alike.push(first)
  }
  return groups.map((group) => (group.definitions.length === 1 ? { ...group, isOfOneMeaning: true } : group))
}

/** Equal for subscriptions that mean the same to those of one role, whoever sees what of it. */
export function meaningOf({ id, relation }: Definition): string {
  return `${id}\n${relation.state}`
}
