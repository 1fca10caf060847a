import WebSocket from "ws";
import type { Signer } from "./send-signed.ts";

/** One state of the upstream connection, as clients see it in GATEWAY_STATUS. */
export type UpstreamState = "connecting" | "connected" | "disconnected";

/** Podium's status frames are a few KiB; past 1 MiB a frame is a fault, and 5,000 clients would multiply it. */
const frameBytesMax = 1_048_576;
/** A local handshake takes milliseconds; Podium's slowest known answer takes several seconds. */
const handshakeMs = 10_000;
/** Waits between connections grow from a quarter second to 10 s, each drawn between zero and its bound (full jitter). */
const backoffFirstMs = 250;
const backoffMaxMs = 10_000;
/** A connection that has lasted this long was a good one: the next loss starts with short waits again. */
const steadyMs = 10_000;
const noToken = Symbol("no token");
/** What `ws` says of a handshake that is answered with 401. */
const tokenRefused = "Unexpected server response: 401";
/** Ping rhythm towards Podium; two unanswered and the connection counts as half-open. */
const pingEveryMs = 25_000;

export interface TelemetryOptions {
  readonly url: string;
  /** Its two tokens are tried in turn for as long as Podium answers 401. */
  readonly signer: Signer;
  readonly random?: () => number;
  readonly onFrame: (text: string) => void;
  readonly onState: (state: UpstreamState, detail: string) => void;
}

/**
 * The one WebSocket to Podium that all clients share. Only `#open` makes a connection and only when none is being made;
 * each has a generation number, and whatever an older generation still says is dropped.
 */
export class Telemetry {
  readonly #options: TelemetryOptions;
  #socket: WebSocket | undefined;
  #generation = 0;
  #usesPrevious = false;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #stopped = true;
  #state: UpstreamState = "disconnected";

  constructor(options: TelemetryOptions) {
    this.#options = options;
  }

  get state(): UpstreamState {
    return this.#state;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    void this.#open();
  }

  stop(): void {
    this.#stopped = true;
    this.#generation++;
    clearTimeout(this.#retry);
    clearInterval(this.#heartbeat);
    this.#socket?.terminate();
    this.#socket = undefined;
  }

  async #open(): Promise<void> {
    const generation = ++this.#generation;
    const current = (): boolean => generation === this.#generation && !this.#stopped;
    this.#become("connecting", "");
    const url = new URL(this.#options.url);
    const { token: latest, previousToken } = this.#options.signer;
    const sign = (this.#usesPrevious ? previousToken : undefined) ?? latest;
    const token = await sign({ subject: "roxy-core", role: "viewer" }).catch(() => noToken);
    if (!current()) return;
    if (typeof token === "symbol") {
      this.#generation++;
      return this.#lost("no token could be made");
    }
    if (token !== undefined) url.searchParams.set("token", token);
    const socket = new WebSocket(url, { maxPayload: frameBytesMax, perMessageDeflate: false });
    this.#socket = socket;
    const deadline = setTimeout(() => lost("no answer to the handshake"), handshakeMs);
    let reason = "";
    let steady: ReturnType<typeof setTimeout> | undefined;
    const lost = (detail: string): void => {
      clearTimeout(deadline);
      clearTimeout(steady);
      if (!current()) return;
      this.#generation++;
      socket.terminate();
      this.#lost(detail);
    };
    socket.on("open", () => {
      clearTimeout(deadline);
      if (!current()) return socket.terminate();
      // A Podium that accepts and drops at once must not be called eight times a second.
      steady = setTimeout(() => (this.#failures = 0), steadyMs);
      this.#become("connected", "");
      this.#watch(socket, lost);
    });
    socket.on("message", (data, isBinary) => {
      if (current() && !isBinary) this.#options.onFrame(textOf(data));
    });
    // The error's own words may hold the URL and in it the token: only its code may be said.
    socket.on("error", (error) => {
      reason = (error as { code?: string }).code ?? "connection failed";
      if (error.message === tokenRefused) this.#usesPrevious = !this.#usesPrevious;
    });
    socket.on("close", (code) => lost(reason || `closed with code ${code}`));
  }

  /** Half-open connections look healthy for hours: two pings without an answer end one. */
  #watch(socket: WebSocket, lost: (detail: string) => void): void {
    let unanswered = 0;
    socket.on("pong", () => (unanswered = 0));
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => {
      if (unanswered >= 2) lost("silent: two pings without an answer");
      else {
        unanswered++;
        socket.ping();
      }
    }, pingEveryMs);
  }

  #lost(detail: string): void {
    clearInterval(this.#heartbeat);
    this.#socket = undefined;
    this.#become("disconnected", detail);
    const bound = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(this.#failures++, 16));
    const delay = Math.floor((this.#options.random ?? Math.random)() * bound);
    this.#retry = setTimeout(() => void this.#open(), delay);
  }

  #become(state: UpstreamState, detail: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState(state, detail);
  }
}

function textOf(data: WebSocket.RawData): string {
  if (typeof data === "string") return data;
  if (Array.isArray(data)) return data.map(textOf).join("");
  return new TextDecoder().decode(data);
}
