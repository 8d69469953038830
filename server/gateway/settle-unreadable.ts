import type pg from 'pg'
import type { Logger } from 'pino'
import { isRefusal } from '../db/failures.ts'
import type { Feed } from '../routing/feed.ts'
import type { WindowsUnreadable } from '../routing/route-batch.ts'
import { readWindowKeys } from '../routing/shift-windows.ts'
import type { AccessWatch } from './access-watch.ts'
import type { Audience } from './connection.ts'
import type { Following } from './following.ts'

/**
 * PostgreSQL refuses to say what the filtered subscriptions of a relation show, and would refuse again. If the
 * relation has changed, they are asked for anew. Else each is tried by itself, and the guilty end; and if
 * none is, all do: nobody else is to wait for ever because of them.
 */
export async function settleUnreadable(
  { relation, windows, cause }: WindowsUnreadable,
  parts: { access: AccessWatch; following: Following; pool: pg.Pool; logger: Logger },
): Promise<void> {
  const { access, following, pool, logger } = parts
  logger.warn(
    { err: cause, relation: relation.name },
    'PostgreSQL refuses to read what filtered subscriptions show',
  )
  if (await access.checkNow(relation.id)) return
  const feeds = [...windows.feeds]
  const refusals = await Promise.all(
    feeds.map((feed) => {
      return readWindowKeys(pool, relation, feed).then(
        () => undefined,
        (error: unknown) => (isRefusal(error) ? error : Promise.reject(error as Error)),
      )
    }),
  )
  const isAnyGuilty = refusals.some((refusal) => refusal !== undefined)
  feeds.forEach((feed, i) => {
    if (!isAnyGuilty || refusals[i] !== undefined)
      following.endForAll(feed as Feed<Audience>, refusals[i] ?? cause)
  })
}
