import type pg from 'pg'
import type { Logger } from 'pino'
import { isRefusal } from '../db/failures.ts'
import { readOnly } from '../db/read-only.ts'
import type { Definition } from '../routing/definition.ts'
import type { Feed } from '../routing/feed.ts'
import type { WindowsUnreadable } from '../routing/route-batch.ts'
import { readShown } from '../routing/shown.ts'
import type { AccessWatch } from './access-watch.ts'
import { mapLimited } from './answer.ts'
import type { Audience } from './connection.ts'
import type { Following } from './following.ts'

const askedAtOnce = 4

/**
 * PostgreSQL refuses to say what subscriptions of a relation show, and would refuse again. If the
 * relation has changed, they are asked for anew. Else each is tried by itself, and the guilty end. If none is, somebody was asked
 * of a row that is none of his: all that they show is read again instead. Should that be refused, too, all
 * end: nobody else is to wait for ever because of them.
 */
export async function settleUnreadable(
  { aspect, cause }: WindowsUnreadable,
  parts: { access: AccessWatch; following: Following; pool: pg.Pool; logger: Logger },
): Promise<void> {
  const { access, following, pool, logger } = parts
  const { relation } = aspect
  logger.warn({ err: cause, relation: relation.name }, 'PostgreSQL refuses to read what subscriptions show')
  if (await access.checkNow(relation.id)) return
  const feeds = [...aspect.views.values()].flatMap((view) => [...view.feeds])
  const refusals = await mapLimited(feeds, askedAtOnce, (feed) => refusalOf(pool, feed.definition))
  const isAnyGuilty = refusals.some((refusal) => refusal !== undefined)
  if (!isAnyGuilty && !aspect.isToBeReread) {
    aspect.isToBeReread = true
    return
  }
  feeds.forEach((feed, i) => {
    if (!isAnyGuilty || refusals[i] !== undefined)
      following.endForAll(feed as Feed<Audience>, refusals[i] ?? cause)
  })
}

async function refusalOf(pool: pg.Pool, definition: Definition): Promise<unknown> {
  try {
    await readOnly(pool, (client) => readShown(client, [definition]))
    return undefined
  } catch (error) {
    if (!isRefusal(error)) throw error
    return error
  }
}
