import type { Peer } from "../runtime/types.ts";

/** Close codes that clients can act on; 4000 to 4999 are free for applications (RFC 6455 section 7.4.2). */
export const closeCodes = {
  done: 1000,
  goingAway: 1001,
  policy: 1008,
  /** The client read too slowly: reconnect, with `?since=` if nothing may be missed. */
  tooSlow: 4008,
} as const;

/** Bytes handed to the runtime before its drain is awaited: keeps the socket busy, leaves the queue ours. */
const runtimeBytesMax = 65_536;

export interface OutboxOptions {
  /** Bytes that may wait for this client. */
  readonly bytesMax: number;
  /** Makes the warning that is sent when half the bound is reached. */
  readonly warning: (queuedBytes: number) => string;
}

/** One client's queue. Bounded in bytes; past the bound the client is closed and nobody else has been delayed. */
export class Outbox {
  readonly #peer: Peer;
  readonly #options: OutboxOptions;
  #queue: string[] = [];
  #queuedBytes = 0;
  #blocked = false;
  #warned = false;
  #closed = false;

  constructor(peer: Peer, options: OutboxOptions) {
    this.#peer = peer;
    this.#options = options;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  send(text: string): void {
    if (this.#closed) return;
    if (!this.#blocked) {
      this.#blocked = this.#peer.send(text) > runtimeBytesMax;
      return;
    }
    this.#queue.push(text);
    this.#queuedBytes += text.length;
    if (this.#queuedBytes > this.#options.bytesMax) this.close(closeCodes.tooSlow, "too slow: reconnect with since");
    else if (!this.#warned && this.#queuedBytes > this.#options.bytesMax / 2) this.#warn();
  }

  /** The runtime's buffer is empty again. */
  drained(): void {
    this.#blocked = false;
    let sent = 0;
    while (sent < this.#queue.length && !this.#blocked) {
      const text = this.#queue[sent++]!;
      this.#queuedBytes -= text.length;
      this.#blocked = this.#peer.send(text) > runtimeBytesMax;
    }
    this.#queue = this.#queue.slice(sent);
    if (this.#queue.length === 0) this.#warned = false;
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#peer.close(code, reason);
    // A client that does not read will not see the close frame either.
    if (code === closeCodes.tooSlow) this.#peer.terminate();
  }

  #warn(): void {
    this.#warned = true;
    const text = this.#options.warning(this.#queuedBytes);
    this.#queue.push(text);
    this.#queuedBytes += text.length;
  }
}
