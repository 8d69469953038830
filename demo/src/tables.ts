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
  is_private: boolean
  owner_id: number | null
}

export interface Message {
  id: number
  channel_id: number
  author_id: number
  body: string
  created_at: string
  edited_at: string | null
}

/** The person's own: how far somebody else has read, nobody is told. */
export interface Membership {
  channel_id: number
  user_id: number
  last_read_message_id: number
  joined_at: string
}

/** Who is in a channel. */
export interface ChannelMember {
  channel_id: number
  user_id: number
}

declare module 'rowcast/client' {
  interface Tables {
    chat_user: ChatUser
    channel: Channel
    message: Message
    membership: Membership
    channel_member: ChannelMember
  }
}
