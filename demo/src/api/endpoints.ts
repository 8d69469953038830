import type { Session } from '../session/session.ts'
import { call } from './api.ts'

export const signIn = (name: string) => call<Session>('POST', '/api/sign-in', { name })

/** Signs out if the server no longer knows the person. */
export const checkSession = () => call<Session['user']>('GET', '/api/me')

export const createChannel = (channel: { name: string; topic: string; isPrivate: boolean }) =>
  call<{ id: number }>('POST', '/api/channels', channel)

export const joinChannel = (channelId: number) => call<null>('POST', `/api/channels/${channelId}/join`)

export const leaveChannel = (channelId: number) => call<null>('POST', `/api/channels/${channelId}/leave`)

export const inviteMember = (channelId: number, userId: number) =>
  call<null>('POST', `/api/channels/${channelId}/invite`, { userId })

export const removeMember = (channelId: number, userId: number) =>
  call<null>('POST', `/api/channels/${channelId}/remove`, { userId })

export const markRead = (channelId: number, messageId: number) =>
  call<null>('POST', `/api/channels/${channelId}/read`, { messageId })

export const sendMessage = (channelId: number, body: string) =>
  call<{ id: number }>('POST', '/api/messages', { channelId, body })

export const editMessage = (messageId: number, body: string) =>
  call<null>('PATCH', `/api/messages/${messageId}`, { body })

export const deleteMessage = (messageId: number) => call<null>('DELETE', `/api/messages/${messageId}`)

/** A table that can be watched, with the columns that the reader may see. */
export interface TrackedRelation {
  readonly relation: string
  readonly key: readonly string[]
  readonly columns: readonly string[]
}

export const listTrackedRelations = () => call<TrackedRelation[]>('GET', '/api/tracked-relations')
