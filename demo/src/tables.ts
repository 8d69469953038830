/** The tables of schema.sql, as Rowcast's hooks hand them out. */

export interface ChatUser {
  id: number
  name: string
  is_system: boolean
  created_at: string
}

export interface Channel {
  id: number
  name: string
  topic: string
  created_at: string
}

export interface Message {
  id: number
  channel_id: number
  author_id: number
  body: string
  created_at: string
  edited_at: string | null
}

export interface Membership {
  channel_id: number
  user_id: number
  last_read_message_id: number
  joined_at: string
}

declare module 'rowcast/client' {
  interface Tables {
    chat_user: ChatUser
    channel: Channel
    message: Message
    membership: Membership
  }
}
