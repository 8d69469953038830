import type {
  AckRequest,
  Attached,
  AttachRequest,
  Reply,
  Subscribed,
  SubscribeRequest,
  UnsubscribeRequest,
} from '../../shared/protocol.ts'

/** The way to the server, for as long as one connection lasts. Answers come in order with the messages. */
export interface Wire {
  attach(request: AttachRequest, reply: (result: Reply<Attached>) => void): void
  subscribe(request: SubscribeRequest, reply: (result: Reply<Subscribed>) => void): void
  unsubscribe(request: UnsubscribeRequest): void
  acknowledge(request: AckRequest): void
}

export type SessionKey = Attached['session']
