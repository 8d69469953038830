import type { Feed } from '../routing/feed.ts'

/** Followers of just the same among the feeds concerned: they get the same, and share one encoding. */
export interface Group<Follower> {
  readonly feeds: readonly Feed<Follower>[]
  readonly followers: readonly Follower[]
}

export function groupsOf<Follower>(concerned: Iterable<Feed<Follower>>): Iterable<Group<Follower>> {
  const byFollower = new Map<Follower, { feeds: Feed<Follower>[]; name: string }>()
  let number = 0
  for (const feed of concerned) {
    number += 1
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
