import { Problem } from "../lib/errors.ts";
import type { Client } from "./command.ts";

export interface LaneOptions {
  /** Forwards at the same time; 1 is strictly sequential. */
  readonly maxInFlight: number;
  /** Tickets that may wait. */
  readonly queueLimit: number;
}

/** A place in the lane. Every ticket taken must be left, whatever happens. */
export interface Ticket {
  /** Resolves when it is this ticket's turn; rejects when it was cancelled or its client hung up. */
  turn(client: Client): Promise<void>;
  /** Called when there is a connection, right before the first byte goes out: from here on nothing can cancel it. @throws when cancelled */
  begin(): void;
  /** Called when it is certain that nothing was executed, before another try: it can be cancelled again. @throws when it was, meanwhile */
  rest(): void;
  /** Gives the place to the next in order of arrival. Only the first call counts. */
  leave(): void;
}

/** The lane is full when this many wait: seconds until a place is likely free. */
const retryAfterS = 1;

/**
 * Longest wait for a turn. After a crash, open intents are looked for in the last 24 hours of running time, so none may be
 * older: the forward itself takes twice `podium.timeout_ms` (10 minutes at most) and some seconds.
 */
const waitMsMax = 12 * 60 * 60 * 1000;

/** Forwards to Podium in order of arrival, at most `maxInFlight` at a time, at most `queueLimit` waiting. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #waiting: Place[] = [];
  readonly #active = new Set<Place>();
  /** On their way past the line. */
  #express = 0;
  #closed = false;
  /** Nobody waits for halts any more. */
  #over = false;
  #halts = 0;
  #idle: (() => void) | undefined;
  readonly #onLeave = (place: Place): void => this.#left(place);

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get inFlight(): number {
    return this.#active.size;
  }

  /** In line or on their way. */
  get busy(): number {
    return this.#active.size + this.#waiting.length + this.#express;
  }

  /** @throws Problem `shutting_down` */
  assertOpen(): void {
    if (this.#closed) throw shuttingDown();
  }

  /** @throws Problem `queue_full` or `shutting_down` */
  take(): Ticket {
    this.assertOpen();
    const free = this.#active.size < this.#options.maxInFlight;
    if (!free && this.#waiting.length >= this.#options.queueLimit) {
      throw new Problem(
        "queue_full",
        `${this.#waiting.length} dispatches are waiting for Podium already (podium.queue_limit); nothing was executed`,
        { retryAfterS },
      );
    }
    const place = new Place(this.#onLeave);
    this.#waiting.push(place);
    this.#advance();
    return place;
  }

  /**
   * A ticket for what does not wait in line and can't be cancelled: a halt. It is waited for all the same at the end.
   * @throws Problem `shutting_down` when that is over
   */
  express(): Ticket {
    if (this.#over) throw shuttingDown();
    this.#express++;
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      this.#express--;
      this.#rest();
    };
    return { turn: () => itsTurn, begin() {}, rest() {}, leave };
  }

  /** Halts so far: whoever is on the way to the lane sees that one came meanwhile. */
  get halts(): number {
    return this.#halts;
  }

  /** The emergency stop: nothing that waits now will be sent. */
  halt(): void {
    this.#halts++;
    this.cancel(cancelledByHalt());
  }

  /** Cancels every ticket that has not begun to send. Returns how many. */
  cancel(problem: Problem): number {
    const notBegun = [...this.#waiting, ...this.#active].filter((place) => place.cancel(problem));
    return notBegun.length;
  }

  /**
   * Takes no more tickets, cancels those that wait and resolves when the ones in flight have left. Meanwhile halts are still
   * taken, but not for longer than `lastCallMs`: they could go on for ever.
   */
  async close(lastCallMs = 0): Promise<void> {
    this.#closed = true;
    this.cancel(shuttingDown());
    const lastCall = setTimeout(() => (this.#over = true), lastCallMs);
    if (this.busy > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    clearTimeout(lastCall);
    this.#over = true;
  }

  #advance(): void {
    while (this.#active.size < this.#options.maxInFlight && this.#waiting.length > 0) {
      const place = this.#waiting.shift()!;
      this.#active.add(place);
      place.grant();
    }
  }

  #left(place: Place): void {
    const index = this.#active.delete(place) ? -1 : this.#waiting.indexOf(place);
    if (index >= 0) this.#waiting.splice(index, 1);
    this.#advance();
    this.#rest();
  }

  #rest(): void {
    if (this.busy === 0) this.#idle?.();
  }
}

export function cancelledByHalt(): Problem {
  return new Problem("cancelled_by_halt", "A halt came while the dispatch was waiting; nothing was executed");
}

function waitedInVain(): Problem {
  const hours = waitMsMax / 3_600_000;
  return new Problem("queue_full", `The dispatch waited ${hours} hours for its turn; nothing was executed`, {
    retryAfterS,
  });
}

function shuttingDown(): Problem {
  return new Problem("shutting_down", "roxy-core is shutting down; nothing was executed", { retryAfterS: 5 });
}

const itsTurn = Promise.resolve();

class Place implements Ticket {
  readonly #onLeave: (place: Place) => void;
  /** Only who has to wait needs a promise. */
  #turn: PromiseWithResolvers<void> | undefined;
  #cancelled: Problem | undefined;
  #begun = false;
  #granted = false;

  constructor(onLeave: (place: Place) => void) {
    this.#onLeave = onLeave;
  }

  grant(): void {
    this.#granted = true;
    this.#turn?.resolve();
  }

  /** What is on its way is not called back, but it is not tried again either. @returns whether it had not begun */
  cancel(problem: Problem): boolean {
    if (this.#cancelled) return false;
    this.#cancelled = problem;
    this.#turn?.reject(problem);
    return !this.#begun;
  }

  turn(client: Client): Promise<void> {
    return this.#granted ? itsTurn : this.#wait(client);
  }

  async #wait({ signal }: Client): Promise<void> {
    if (signal.aborted) this.cancel(hungUp());
    if (this.#cancelled) throw this.#cancelled;
    this.#turn = Promise.withResolvers();
    const hangUp = (): void => void this.cancel(hungUp());
    signal.addEventListener("abort", hangUp, { once: true });
    const timer = setTimeout(() => this.cancel(waitedInVain()), waitMsMax);
    try {
      await this.#turn.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", hangUp);
    }
  }

  begin(): void {
    if (!this.#begun && this.#cancelled) throw this.#cancelled;
    this.#begun = true;
  }

  rest(): void {
    this.#begun = false;
    if (this.#cancelled) throw this.#cancelled;
  }

  leave(): void {
    this.#onLeave(this);
  }
}

export function hungUp(): Problem {
  return new Problem("cancelled_by_client", "The client hung up while the dispatch was waiting; nothing was executed");
}
