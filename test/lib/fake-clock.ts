import type { Clock } from "../../src/lib/clock.ts";

/** 2026-01-09T08:00:00Z: the day of the contract's examples. */
export const morning = Date.UTC(2026, 0, 9, 8);

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #wall: number;
  #monotonic = 1_000_000;

  constructor(wall: number = morning) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** Time passes. */
  pass(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
  }

  /** Somebody sets the machine's clock; no time passes. */
  step(ms: number): void {
    this.#wall += ms;
  }

  /** The process starts again: monotonic time begins anew somewhere else, the wall clock goes on. */
  rebirth(): FakeClock {
    return new FakeClock(this.#wall);
  }
}
