import { utf8Bytes } from "../lib/utf8.ts";
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
  /** Called when it is closed because its client read too slowly: the connection itself may take longer to end. */
  readonly onDrop?: () => void;
}

/** One client's queue. Bounded in bytes; past the bound the client is closed and nobody else has been delayed. */
export class Outbox {
  readonly #peer: Peer;
  readonly #options: OutboxOptions;
  #queue: { readonly text: string; readonly bytes: number }[] = [];
  #queuedBytes = 0;
  #blocked = false;
  #warned = false;
  /** Set once the last frame is in the queue: the close that follows it. */
  #farewell: { readonly code: number; readonly reason: string } | undefined;
  #closed = false;
  #tooSlow = false;

  constructor(peer: Peer, options: OutboxOptions) {
    this.#peer = peer;
    this.#options = options;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether it was closed because its client read too slowly. */
  get tooSlow(): boolean {
    return this.#tooSlow;
  }

  /** Whether what is sent now would wait. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** Whether its last frame has been sent, or waits. */
  get isEnding(): boolean {
    return this.#closed || this.#farewell !== undefined;
  }

  send(text: string): void {
    if (this.isEnding) return;
    if (!this.#blocked) {
      this.#blocked = this.#peer.send(text) > runtimeBytesMax;
      return;
    }
    this.#push(text);
    if (this.#queuedBytes > this.#options.bytesMax) this.drop();
    else if (!this.#warned && this.#queuedBytes > this.#options.bytesMax / 2) {
      this.#warned = true;
      this.#push(this.#options.warning(this.#queuedBytes));
    }
  }

  /** The runtime's buffer is empty again. */
  drained(): void {
    if (this.#closed) return;
    this.#blocked = false;
    let sent = 0;
    while (sent < this.#queue.length && !this.#blocked) {
      const { text, bytes } = this.#queue[sent++]!;
      this.#queuedBytes -= bytes;
      this.#blocked = this.#peer.send(text) > runtimeBytesMax;
    }
    this.#queue = this.#queue.slice(sent);
    if (this.#queue.length > 0) return;
    this.#warned = false;
    if (this.#farewell) this.#close(this.#farewell.code, this.#farewell.reason);
  }

  /** Closes after what is queued: the last frame is the one that a client of a job waits for. */
  close(code: number, reason: string): void {
    if (this.isEnding) return;
    if (this.#queue.length === 0) this.#close(code, reason);
    else this.#farewell = { code, reason };
  }

  /** Closes one that may hear nothing more, whatever is queued. One that does not read would not see the close frame either. */
  cut(code: number, reason: string): void {
    if (this.#closed) return;
    this.#close(code, reason);
    if (this.#blocked) this.#peer.terminate();
  }

  #push(text: string): void {
    const bytes = utf8Bytes(text);
    this.#queue.push({ text, bytes });
    this.#queuedBytes += bytes;
  }

  /** Ends a client that reads too slowly. One that does not read will not see a close frame either: the connection itself must go. */
  drop(): void {
    this.#tooSlow = true;
    this.#close(closeCodes.tooSlow, "too slow: reconnect with since");
    this.#peer.terminate();
    this.#options.onDrop?.();
  }

  #close(code: number, reason: string): void {
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#peer.close(code, reason);
  }
}
