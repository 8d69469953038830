import * as parser from 'socket.io-parser'

/**
 * A message that is JSON text already. Rows come from PostgreSQL as text and go to the socket as text:
 * what many sessions get is encoded once, and not parsed on the way.
 */
export class EncodedJson {
  readonly text: string
  #bytes: number | undefined

  constructor(text: string) {
    this.text = text
  }

  get bytes(): number {
    return (this.#bytes ??= Buffer.byteLength(this.text))
  }
}

/** Socket.IO's own encoder, but for events that carry one EncodedJson. The wire format is Socket.IO's. */
class Encoder extends parser.Encoder {
  override encode(packet: parser.Packet): unknown[] {
    const [event, message] = Array.isArray(packet.data) ? packet.data : []
    if (packet.type !== parser.PacketType.EVENT || !(message instanceof EncodedJson))
      return super.encode(packet)
    return [packetOf(event as string, message, packet.nsp)]
  }
}

/** As it crosses the wire. */
export function packetOf(event: string, message: EncodedJson, namespace = '/'): string {
  return `${parser.PacketType.EVENT}${namespace === '/' ? '' : `${namespace},`}[${JSON.stringify(event)},${message.text}]`
}

/**
 * For Socket.IO's `parser` option on the server. Clients need none.
 *
 * @param onInvalid is called for what is no packet: Socket.IO ends the connection that it came over, and says nothing
 */
export function encodedJsonParser(onInvalid: () => void): {
  readonly Encoder: typeof parser.Encoder
  readonly Decoder: typeof parser.Decoder
} {
  class Decoder extends parser.Decoder {
    override add(data: unknown): void {
      try {
        super.add(data)
      } catch (error) {
        onInvalid()
        throw error
      }
    }
  }
  return { Encoder, Decoder }
}
