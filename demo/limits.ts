/** What the chat accepts. The page says so before the server has to; the database holds the line. */
export const limits = {
  userNameLength: 40,
  channelNameLength: 40,
  topicLength: 200,
  messageLength: 4000,
} as const
