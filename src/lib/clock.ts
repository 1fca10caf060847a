/** Time as the program sees it; injected wherever a test must bend it. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds that only ever grow, from an arbitrary start. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** Many records are made in one millisecond. */
const latest = { epochMs: Number.NaN, timestamp: "" };

/** RFC 3339 UTC with milliseconds, such as `2026-01-09T08:00:00.123Z`. @throws RangeError past the year 275760 */
export function timestampOf(epochMs: number): string {
  if (epochMs !== latest.epochMs) {
    latest.timestamp = new Date(epochMs).toISOString();
    latest.epochMs = epochMs;
  }
  return latest.timestamp;
}

/** The UTC day, such as `2026-01-09`. */
export function dayOf(epochMs: number): string {
  return timestampOf(epochMs).slice(0, 10);
}

/** Monotonic time in whole milliseconds, as records keep it. */
export function uptimeOf(clock: Clock): number {
  return Math.floor(clock.monotonic());
}

/**
 * Running time: monotonic time that goes on over restarts, from where the log says that it had come to. How long the
 * process was away is only the word of a clock that anybody can set, so it counts as no time at all: nothing that must
 * last a while ends early, however the clock is set.
 */
export class RunningClock implements Clock {
  readonly #clock: Clock;
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic() + this.#aheadMs;
  }

  /** An earlier life of the process had come this far. */
  goOnFrom(uptimeMs: number): void {
    this.#aheadMs = Math.max(this.#aheadMs, uptimeMs - this.#clock.monotonic());
  }
}
