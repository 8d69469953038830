import type { Feed } from '../routing/feed.ts'

/** Followers of feeds that say just the same: they get the same, and share one encoding. */
export interface Group<Follower> {
  readonly feeds: readonly Feed<Follower>[]
  readonly followers: readonly Follower[]
}

/** @param contentOf equal for two feeds exactly if whoever follows either is told the same */
export function groupsOf<Follower>(
  concerned: Iterable<Feed<Follower>>,
  contentOf: (feed: Feed<Follower>) => unknown,
): Iterable<Group<Follower>> {
  const byFollower = new Map<Follower, { feeds: Feed<Follower>[]; name: string }>()
  const numbers = new Map<unknown, number>()
  for (const feed of concerned) {
    const content = contentOf(feed)
    const number = numbers.get(content) ?? numbers.size
    numbers.set(content, number)
    for (const follower of feed.followers) {
      const of = byFollower.get(follower)
      if (of) {
        of.feeds.push(feed)
        of.name += `,${number}`
      } else byFollower.set(follower, { feeds: [feed], name: `${number}` })
    }
  }
  const groups = new Map<string, { feeds: Feed<Follower>[]; followers: Follower[] }>()
  for (const [follower, { feeds, name }] of byFollower) {
    const group = groups.get(name)
    if (group) group.followers.push(follower)
    else groups.set(name, { feeds, followers: [follower] })
  }
  return groups.values()
}
