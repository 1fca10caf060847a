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
/** A frame that is still on its way arrives within this, even to a page that has much to do. */
const lateMs = 3_000;

/** Cursors are `epoch:seq`; another epoch is another life of roxy-core. */
function isBehind(own: string | undefined, other: string): boolean {
  if (own === undefined) return false;
  const [epoch, seq] = own.split(":");
  const [otherEpoch, otherSeq] = other.split(":");
  return epoch !== otherEpoch || Number(seq) < Number(otherSeq);
}

function openSocket(path: string, query: Readonly<Record<string, string>>): WebSocket {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = new URLSearchParams({ ...query, envelope: "1" }).toString();
  return new WebSocket(url);
}

function frameOf(data: unknown): StreamFrame | undefined {
  const envelope = fieldsOf(typeof data === "string" ? parseJson(data) : undefined);
  const fields = fieldsOf(envelope["event"]);
  const type = firstText(fields, "type");
  if (type === undefined) return undefined;
  const cursor = textOf(envelope["id"]);
  const at = firstText(envelope, "at") ?? new Date().toISOString();
  return { type, at, fields, ...(cursor !== undefined && { cursor }) };
}

/** What roxy-core remembers is sent as soon as the connection opens; over loopback a thousand frames take milliseconds. */
const recallMs = 1_000;

/**
 * The frames of some types that roxy-core still remembers after a cursor, oldest first; its own frames (GAP,
 * GATEWAY_STATUS) are among them. Never throws: what can't be had is not there.
 */
export function recall(path: string, since: string, types: readonly string[]): Promise<readonly StreamFrame[]> {
  return new Promise((resolve) => {
    const frames: StreamFrame[] = [];
    const socket = openSocket(path, { since, types: types.join(",") });
    const done = (): void => {
      clearTimeout(timer);
      socket.close();
      resolve(frames);
    };
    const timer = setTimeout(done, recallMs);
    socket.addEventListener("close", done);
    socket.addEventListener("message", ({ data }) => {
      const frame = frameOf(data);
      if (frame) frames.push(frame);
    });
  });
}

/**
 * The live telemetry, over a WebSocket: unlike server-sent events it takes none of the six connections that a browser
 * grants to one server's requests, so any number of open tabs leaves room for a halt. Comes back by itself, with the
 * cursor of the last frame that was seen.
 */
export class Stream {
  readonly #options: StreamOptions;
  #socket: WebSocket | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #cursor: string | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Where to begin when nothing has been seen yet. */
  startAt(cursor: string): void {
    this.#cursor ??= cursor;
  }

  /**
   * Somebody else has heard that the stream is at this cursor. A connection that stays behind it is dead, whatever the
   * browser thinks: a network that has gone away tells nobody. Then a new one is made.
   */
  hasReached(cursor: string): void {
    const socket = this.#socket;
    if (!socket || this.#late !== undefined || !isBehind(this.#cursor, cursor)) return;
    this.#late = setTimeout(() => {
      this.#late = undefined;
      if (this.#socket === socket && isBehind(this.#cursor, cursor)) this.#ended(socket);
    }, lateMs);
  }

  /** Connects at once, whatever the wait was: something says that the gateway is there. */
  connect(): void {
    if (this.#socket || !this.#options.mayConnect()) return;
    clearTimeout(this.#retry);
    const socket = openSocket(this.#options.path, this.#cursor === undefined ? {} : { since: this.#cursor });
    this.#socket = socket;
    const deadline = setTimeout(() => this.#ended(socket), handshakeMs);
    socket.addEventListener("open", () => {
      clearTimeout(deadline);
      this.#failures = 0;
      this.#options.onOpen();
    });
    socket.addEventListener("message", ({ data }) => this.#take(data));
    socket.addEventListener("close", () => {
      clearTimeout(deadline);
      this.#ended(socket);
    });
  }

  #take(data: unknown): void {
    const frame = frameOf(data);
    if (!frame) return;
    const resumeAt = frame.type === "GAP" ? textOf(frame.fields["resumeAt"]) : undefined;
    this.#cursor = resumeAt ?? frame.cursor ?? this.#cursor;
    this.#options.onFrame(frame);
  }

  #ended(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    socket.close();
    this.#options.onClose();
    const bound = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(this.#failures++, 8));
    this.#retry = setTimeout(() => this.connect(), bound * (0.5 + Math.random() / 2));
  }
}
