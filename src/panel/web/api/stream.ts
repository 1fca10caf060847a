import { fieldsOf, firstText, parseJson, textOf } from "./json.ts";
import type { Fields } from "./json.ts";

/** One frame as it came, with its place in the stream; our gateway's own frames have none. */
export interface StreamFrame {
  readonly type: string;
  readonly cursor?: string;
  readonly at: string;
  readonly fields: Fields;
}

export interface StreamOptions {
  readonly path: string;
  /** Asked before each try: without a session there is nothing to connect with. */
  readonly mayConnect: () => boolean;
  readonly onFrame: (frame: StreamFrame) => void;
  readonly onOpen: () => void;
  readonly onClose: () => void;
}

/** Waits between connections grow from a quarter second to five, drawn at random so that tabs don't come in step. */
const backoffFirstMs = 250;
const backoffMaxMs = 5_000;
/** A connection that opens no sooner is given up: on loopback it takes a millisecond. */
const handshakeMs = 8_000;

/**
 * The live telemetry, over a WebSocket: unlike server-sent events it takes none of the six connections that a browser
 * grants to one server's requests, so any number of open tabs leaves room for a halt. Comes back by itself, with the
 * cursor of the last frame that was seen.
 */
export class Stream {
  readonly #options: StreamOptions;
  #socket: WebSocket | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #cursor: string | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Where to begin when nothing has been seen yet. */
  startAt(cursor: string): void {
    this.#cursor ??= cursor;
  }

  /** Connects at once, whatever the wait was: something says that the gateway is there. */
  connect(): void {
    if (this.#socket || !this.#options.mayConnect()) return;
    clearTimeout(this.#retry);
    const url = new URL(this.#options.path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("envelope", "1");
    if (this.#cursor !== undefined) url.searchParams.set("since", this.#cursor);
    const socket = new WebSocket(url);
    this.#socket = socket;
    const deadline = setTimeout(() => this.#ended(socket, deadline), handshakeMs);
    socket.addEventListener("open", () => {
      clearTimeout(deadline);
      this.#failures = 0;
      this.#options.onOpen();
    });
    socket.addEventListener("message", ({ data }) => this.#take(data));
    socket.addEventListener("close", () => this.#ended(socket, deadline));
  }

  #take(data: unknown): void {
    const envelope = fieldsOf(typeof data === "string" ? parseJson(data) : undefined);
    const fields = fieldsOf(envelope["event"]);
    const type = firstText(fields, "type");
    if (type === undefined) return;
    const cursor = textOf(envelope["id"]);
    if (cursor !== undefined) this.#cursor = cursor;
    const resumeAt = type === "GAP" ? textOf(fields["resumeAt"]) : undefined;
    if (resumeAt !== undefined) this.#cursor = resumeAt;
    const at = firstText(envelope, "at") ?? new Date().toISOString();
    this.#options.onFrame({ type, at, fields, ...(cursor !== undefined && { cursor }) });
  }

  #ended(socket: WebSocket, deadline: ReturnType<typeof setTimeout>): void {
    clearTimeout(deadline);
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    socket.close();
    this.#options.onClose();
    const bound = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(this.#failures++, 8));
    this.#retry = setTimeout(() => this.connect(), bound * (0.5 + Math.random() / 2));
  }
}
