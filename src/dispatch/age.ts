import type { Clock } from "../lib/clock.ts";

/**
 * The monotonic time at which something recorded at this wall-clock time happened. Ages are then measured on a clock
 * that no one can set; a record from the future (the clock was set back meanwhile) counts as made just now.
 */
export function monotonicOf(clock: Clock, timestamp: string): number {
  const ageMs = Math.max(0, clock.now() - Date.parse(timestamp));
  return clock.monotonic() - ageMs;
}
