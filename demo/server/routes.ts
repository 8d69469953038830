import type { Pool } from 'pg'
import { createChannel, joinChannel, markRead } from './channels.ts'
import { inviteMember, leaveChannel, removeMember } from './members.ts'
import { deleteMessage, editMessage, sendMessage } from './messages.ts'
import { me, signIn } from './sign-in.ts'
import type { User } from './token.ts'
import { listTrackedRelations } from './tracked-relations.ts'

/** What an endpoint is given. `body` is unchecked. */
export interface ApiCall {
  readonly pool: Pool
  readonly secret: Uint8Array
  readonly body: unknown
  /** The number in the path, where it has one. */
  readonly id: number
}

export interface SignedInCall extends ApiCall {
  readonly user: User
}

interface Route {
  readonly method: string
  readonly path: RegExp
  /** Without a token too. */
  readonly open?: (call: ApiCall) => Promise<unknown>
  readonly signedIn?: (call: SignedInCall) => Promise<unknown>
}

export const routes: readonly Route[] = [
  { method: 'POST', path: /^\/api\/sign-in$/, open: signIn },
  { method: 'GET', path: /^\/api\/me$/, signedIn: me },
  { method: 'POST', path: /^\/api\/channels$/, signedIn: createChannel },
  { method: 'POST', path: /^\/api\/channels\/(\d{1,9})\/join$/, signedIn: joinChannel },
  { method: 'POST', path: /^\/api\/channels\/(\d{1,9})\/read$/, signedIn: markRead },
  { method: 'POST', path: /^\/api\/channels\/(\d{1,9})\/leave$/, signedIn: leaveChannel },
  { method: 'POST', path: /^\/api\/channels\/(\d{1,9})\/invite$/, signedIn: inviteMember },
  { method: 'POST', path: /^\/api\/channels\/(\d{1,9})\/remove$/, signedIn: removeMember },
  { method: 'POST', path: /^\/api\/messages$/, signedIn: sendMessage },
  { method: 'PATCH', path: /^\/api\/messages\/(\d{1,9})$/, signedIn: editMessage },
  { method: 'DELETE', path: /^\/api\/messages\/(\d{1,9})$/, signedIn: deleteMessage },
  { method: 'GET', path: /^\/api\/tracked-relations$/, signedIn: listTrackedRelations },
]
