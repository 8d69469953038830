import type { Row } from '../../shared/change.ts'
import type { ChangeRecord } from './change-record.ts'
import type { Followed, FollowedParts } from './followed.ts'
import type { RecordListener } from './recording.ts'
import { loading, type Result } from './result.ts'

/**
 * The raw feed of a table subscription: the last so many atoms, as they came in batches. What a snapshot
 * brings is no change that came, so it leaves a gap in the feed, which is told among the records.
 */
export function followChanges<R = Row>(
  { subscription, text, subscriptions, connect }: FollowedParts,
  last: number,
): Followed<readonly ChangeRecord<R>[]> {
  type Records = readonly ChangeRecord<R>[]
  let ready: Result<Records> = { status: 'ready', data: [] }
  return {
    subscribe(listener) {
      connect()
      const record: RecordListener = (arrived) => {
        // what the server sends is taken to be of the types that the application declares
        const data = [...(ready.data ?? []), ...(arrived as unknown as Records)].slice(-last)
        ready = { status: 'ready', data }
        listener()
      }
      const stopRecording = subscriptions.record(text, subscription, record, last)
      const stopListening = subscriptions.listen(text, subscription, listener)
      return () => {
        stopRecording()
        stopListening()
      }
    },
    getSnapshot() {
      const state = subscriptions.stateOf(text)
      return state.status === 'ready' ? ready : state
    },
    getServerSnapshot: () => loading,
    settle() {
      connect()
      return subscriptions.settle(text, subscription)
    },
  }
}
