import { ApiError } from '../api/api.ts'
import { joinChannel, sendMessage } from '../api/endpoints.ts'

/** To write in a channel is to be in it: whoever is not, or not yet, joins first. */
export async function sendAsMember(channelId: number, body: string): Promise<void> {
  try {
    await sendMessage(channelId, body)
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'not_a_member')) throw error
    await joinChannel(channelId)
    await sendMessage(channelId, body)
  }
}
