import WebSocket from "ws";

/** Podium's status frames are a few KiB; past 1 MiB a frame is a fault, and 5,000 clients would multiply it. */
const frameBytesMax = 1_048_576;
/** A local handshake takes milliseconds; Podium's slowest known answer takes several seconds. */
const answerMs = 10_000;
/** Ping rhythm towards Podium; two unanswered and the connection counts as half-open. */
const pingEveryMs = 25_000;
/** What `ws` says of a handshake that is answered with 401. */
const tokenRefused = "Unexpected server response: 401";
/** What `ws` says of a frame past its bound, in words that mean something to a reader. */
const detailOf: Readonly<Record<string, string>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: "a frame longer than 1 MiB",
  WS_ERR_INVALID_UTF8: "text that is not UTF-8",
};
const faultOf: Readonly<Record<string, SocketFault>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: "oversized",
  WS_ERR_INVALID_UTF8: "garbage",
};

/** Why a frame ends here: nothing that clients could be given. */
export type SocketFault = "binary" | "oversized" | "garbage";

/** What is heard of one connection; nothing after `onEnd`, which comes once, and nothing after `end()`. */
export interface SocketHears {
  onOpen(): void;
  onText(text: string): void;
  onFault(fault: SocketFault): void;
  /** `refused`: the token was answered with 401. */
  onEnd(detail: string, refused: boolean): void;
}

/** One WebSocket to Podium from its handshake to its end. Whether its frames count is its owner's business. */
export class UpstreamSocket {
  readonly #socket: WebSocket;
  readonly #hears: SocketHears;
  readonly #deadline: ReturnType<typeof setTimeout>;
  readonly #flushes = new Map<string, () => void>();
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #unanswered = 0;
  #reason = "";
  #refused = false;
  #over = false;

  constructor(url: URL, hears: SocketHears) {
    this.#hears = hears;
    this.#deadline = setTimeout(() => this.#lost("no answer to the handshake"), answerMs);
    const socket = new WebSocket(url, { maxPayload: frameBytesMax, perMessageDeflate: false });
    this.#socket = socket;
    socket.on("open", () => this.#opened());
    socket.on("message", (data, isBinary) => {
      if (this.#over) return;
      if (isBinary) hears.onFault("binary");
      else hears.onText(textOf(data));
    });
    socket.on("pong", (data) => this.#pong(textOf(data)));
    // The error's own words may hold the URL and in it the token: only its code may be said.
    socket.on("error", (error) => {
      const code = (error as { code?: string }).code;
      if (!this.#over && code !== undefined && faultOf[code]) hears.onFault(faultOf[code]);
      this.#reason = code === undefined ? "connection failed" : (detailOf[code] ?? code);
      this.#refused ||= error.message === tokenRefused;
    });
    socket.on("close", (code) => this.#lost(this.#reason || `closed with code ${code}`));
  }

  /**
   * Resolves when all that Podium sent here before it saw this question has been heard: a pong keeps its place in the
   * order (RFC 6455 section 5.5.2). Resolves without that certainty, as false, when the connection is still being made, ends
   * or stays silent.
   */
  flushed(): Promise<boolean> {
    // Before its handshake is answered a socket throws at whoever pings.
    if (this.#over || this.#socket.readyState === WebSocket.CONNECTING) return Promise.resolve(false);
    return new Promise((resolve) => {
      const question = crypto.randomUUID();
      const settle = (certain: boolean): void => {
        clearTimeout(deadline);
        this.#flushes.delete(question);
        resolve(certain);
      };
      const deadline = setTimeout(() => settle(false), answerMs);
      this.#flushes.set(question, () => settle(!this.#over));
      this.#socket.ping(question);
    });
  }

  /** Goodbye, politely; nothing more is heard. */
  close(): void {
    if (this.#finish()) this.#socket.close(1000);
  }

  /** Gone at once; nothing more is heard. */
  terminate(): void {
    this.#finish();
    this.#socket.terminate();
  }

  #opened(): void {
    clearTimeout(this.#deadline);
    this.#heartbeat = setInterval(() => this.#beat(), pingEveryMs);
    this.#hears.onOpen();
  }

  /** Half-open connections look healthy for hours: two pings without an answer end one. */
  #beat(): void {
    if (this.#unanswered >= 2) return this.#lost("silent: two pings without an answer");
    this.#unanswered++;
    this.#socket.ping();
  }

  #pong(question: string): void {
    this.#unanswered = 0;
    this.#flushes.get(question)?.();
  }

  #lost(detail: string): void {
    if (!this.#finish()) return;
    this.#socket.terminate();
    this.#hears.onEnd(detail, this.#refused);
  }

  /** @returns whether it was not over yet */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#deadline);
    clearInterval(this.#heartbeat);
    for (const settle of this.#flushes.values()) settle();
    return true;
  }
}

/** A byte order mark is no part of JSON: who takes it away passes on other bytes than Podium's. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function textOf(data: WebSocket.RawData): string {
  if (typeof data === "string") return data;
  if (Array.isArray(data)) return data.map(textOf).join("");
  return decoder.decode(data);
}
