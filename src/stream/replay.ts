import type { Hub, StreamEvent } from "./hub.ts";
import type { Outbox } from "./outbox.ts";

/**
 * What a client missed, read from the history as fast as the client reads: a queue of its own would hold up to the whole
 * history, and call a healthy client slow for having been away. In the turn in which nothing is left, it goes live.
 */
export class Replay {
  readonly #hub: Hub;
  readonly #outbox: Outbox;
  readonly #deliver: (event: StreamEvent) => void;
  readonly #goLive: (waited: boolean) => void;
  /** The last position handed over; undefined once live. */
  #position: number | undefined;
  #hasWaited = false;

  /** @param goLive called once; `waited`: in a later turn than the first, so that what is no frame may have been missed */
  constructor(
    hub: Hub,
    outbox: Outbox,
    { after, deliver, goLive }: { after: number; deliver(event: StreamEvent): void; goLive(waited: boolean): void },
  ) {
    this.#hub = hub;
    this.#outbox = outbox;
    this.#position = after;
    this.#deliver = deliver;
    this.#goLive = goLive;
  }

  /** Goes on as far as the client takes it. */
  advance(): void {
    while (this.#position !== undefined && !this.#outbox.isEnding) {
      if (this.#outbox.isBlocked) {
        this.#hasWaited = true;
        return;
      }
      const next = this.#hub.after(this.#position);
      // It reads more slowly than Podium talks: the history has moved on past it.
      if (next === "forgotten") return this.#outbox.drop();
      this.#position = next?.seq;
      if (next) this.#deliver(next);
      else this.#goLive(this.#hasWaited);
    }
  }
}
