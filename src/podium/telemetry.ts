import { Handover } from "./handover.ts";
import type { Signer } from "./send-signed.ts";
import type { SocketFault, SocketHears } from "./upstream-socket.ts";
import { UpstreamSocket } from "./upstream-socket.ts";

/** One state of the upstream connection, as clients see it in GATEWAY_STATUS. */
export type UpstreamState = "connecting" | "connected" | "disconnected";

/** Waits between connections grow from a quarter second to 10 s, each drawn between zero and its bound (full jitter). */
const backoffFirstMs = 250;
const backoffMaxMs = 10_000;
/** A connection that has lasted this long was a good one: the next loss starts with short waits again. */
const steadyMs = 10_000;
/** The share of a token's life after which the next one is brought in: what is left is room for several tries. */
const renewAfter = 0.75;

/** Signs for the stream. */
export interface StreamSigner extends Signer {
  /** Seconds that each of its tokens lives; undefined when they don't expire by our doing. */
  readonly ttlS?: number | undefined;
}

export interface TelemetryOptions {
  readonly url: string;
  /** Its two tokens are tried in turn for as long as Podium answers 401. */
  readonly signer: StreamSigner;
  readonly random?: () => number;
  readonly onFrame: (text: string) => void;
  readonly onState: (state: UpstreamState, detail: string) => void;
  /** A frame that can't be passed on. */
  readonly onFault?: (fault: SocketFault) => void;
  /** A living connection was replaced by one with a fresh token; `seamless` when it is certain that nothing is missing. */
  readonly onRenewed?: (seamless: boolean) => void;
}

/**
 * The one WebSocket to Podium that all clients share. Only `#open` makes a connection and only when none is being made;
 * each has a generation number, and whatever another generation than the current one says is dropped. Before the token
 * of a living one expires, `#renew` makes the next and hands over: clients notice nothing, or a GAP.
 */
export class Telemetry {
  readonly #options: TelemetryOptions;
  #socket: UpstreamSocket | undefined;
  #handover: Handover | undefined;
  /** Connections made so far; the current one is `#generation`. */
  #made = 0;
  #generation = 0;
  #usesPrevious = false;
  #failures = 0;
  /** The next attempt: a connection when there is none, a renewal when there is one. */
  #next: ReturnType<typeof setTimeout> | undefined;
  #steady: ReturnType<typeof setTimeout> | undefined;
  /** Whether the living connection's token is near its end: a Podium that closes now has waited for it. */
  #isDue = false;
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
    this.#generation = ++this.#made;
    this.#rest();
    this.#socket?.terminate();
    this.#socket = undefined;
  }

  /** Resolves when all that Podium has sent by now was heard; as false when that is not certain. */
  async flushed(): Promise<boolean> {
    return (await this.#socket?.flushed()) ?? false;
  }

  async #open(): Promise<void> {
    const generation = ++this.#made;
    this.#generation = generation;
    this.#become("connecting", "");
    const url = await this.#signedUrl();
    if (generation !== this.#generation) return;
    if (url === undefined) return this.#lost("no token could be made");
    this.#socket = new UpstreamSocket(
      url,
      this.#hears(generation, () => {
        // A Podium that accepts and drops at once must not be called eight times a second.
        this.#steady = setTimeout(() => (this.#failures = 0), steadyMs);
        this.#become("connected", "");
        this.#planRenewal();
      }),
    );
  }

  #hears(generation: number, onOpen: () => void): SocketHears {
    const { onFrame, onFault } = this.#options;
    return {
      onOpen,
      onText: (text) => {
        if (generation !== this.#generation) return this.#handover?.holdBack(text);
        this.#handover?.noise();
        onFrame(text);
      },
      onFault: (fault) => onFault?.(fault),
      onEnd: (detail, refused) => {
        if (refused) this.#usesPrevious = !this.#usesPrevious;
        if (generation !== this.#generation) return this.#handover?.nextLost();
        // With the next one open already, the loss of this one is only a hurried change.
        if (this.#handover?.isOpen) this.#handover.noise();
        else this.#lost(detail);
      },
    };
  }

  #planRenewal(): void {
    const { ttlS } = this.#options.signer;
    if (ttlS === undefined) return;
    const renew = (): void => {
      this.#isDue = true;
      void this.#renew();
    };
    this.#next = setTimeout(renew, ttlS * 1000 * renewAfter);
  }

  /** Make before break: the next connection is open before the old one is closed, and a failure costs nothing. */
  async #renew(): Promise<void> {
    const old = this.#socket;
    const url = await this.#signedUrl();
    if (old === undefined || old !== this.#socket) return;
    if (url === undefined) return this.#renewLater();
    const generation = ++this.#made;
    const handover = new Handover(old, (opened) => new UpstreamSocket(url, this.#hears(generation, opened)));
    this.#handover = handover;
    const isCertain = await handover.ready();
    if (handover !== this.#handover) return;
    if (isCertain === undefined) {
      this.#handover = undefined;
      return this.#renewLater();
    }
    if (!isCertain && !(await this.#skipAhead(handover))) return;
    this.#handover = undefined;
    this.#generation = generation;
    this.#socket = handover.next;
    old.close();
    this.#failures = 0;
    this.#isDue = false;
    this.#planRenewal();
    this.#options.onRenewed?.(isCertain);
    for (const text of handover.held) if (generation === this.#generation) this.#options.onFrame(text);
  }

  /**
   * What the old connection has told may be among what the next one tells up to its answer to a ping: nothing may come
   * twice. @returns whether the next one answered
   */
  async #skipAhead(handover: Handover): Promise<boolean> {
    this.#generation = ++this.#made;
    handover.old.close();
    const isFresh = await handover.next.flushed();
    if (handover !== this.#handover) return false;
    handover.forget();
    if (!isFresh) this.#lost("lost while its token was renewed");
    return isFresh;
  }

  #renewLater(): void {
    this.#next = setTimeout(() => void this.#renew(), this.#drawDelay());
  }

  /** The URL with a fresh token; undefined when none could be made. */
  async #signedUrl(): Promise<URL | undefined> {
    const url = new URL(this.#options.url);
    const { token: latest, previousToken } = this.#options.signer;
    const sign = (this.#usesPrevious ? previousToken : undefined) ?? latest;
    try {
      const token = await sign({ subject: "roxy-core", role: "viewer" });
      if (token !== undefined) url.searchParams.set("token", token);
      return url;
    } catch {
      return undefined;
    }
  }

  #lost(detail: string): void {
    this.#generation = ++this.#made;
    const delay = this.#isDue ? 0 : this.#drawDelay();
    this.#rest();
    this.#socket = undefined;
    this.#become("disconnected", detail);
    // Whoever is told may have stopped us.
    if (!this.#stopped) this.#next = setTimeout(() => void this.#open(), delay);
  }

  #drawDelay(): number {
    const bound = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(this.#failures++, 16));
    return Math.floor((this.#options.random ?? Math.random)() * bound);
  }

  /** Ends whatever waits. */
  #rest(): void {
    clearTimeout(this.#next);
    clearTimeout(this.#steady);
    this.#isDue = false;
    const handover = this.#handover;
    this.#handover = undefined;
    handover?.abandon();
  }

  #become(state: UpstreamState, detail: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState(state, detail);
  }
}
