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

/** RFC 3339 UTC with milliseconds, such as `2026-01-09T08:00:00.123Z`. */
export function timestampOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** The UTC day, such as `2026-01-09`. */
export function dayOf(epochMs: number): string {
  return timestampOf(epochMs).slice(0, 10);
}

/**
 * The monotonic time at which something recorded at this wall-clock time happened. Ages are then measured on a clock
 * that no one can set; a record from the future (the clock was set back meanwhile) counts as made just now.
 */
export function monotonicOf(clock: Clock, timestamp: string): number {
  const ageMs = Math.max(0, clock.now() - Date.parse(timestamp));
  return clock.monotonic() - ageMs;
}
