import type { Clock } from "../lib/clock.ts";

/** What a halt has at least that is taken in the last moment: Podium answers within milliseconds, or it hangs. */
const haltMs = 5_000;

/** The way to the end. It is bounded, because a service manager kills whoever takes longer (the unit's TimeoutStopSec). */
export class Ending {
  readonly #clock: Clock;
  /** `podium.timeout_ms`: what was sent before the end began may take so long. Halts are taken for as long, too. */
  readonly lastCallMs: number;
  #endsAt: number | undefined;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.lastCallMs = timeoutMs;
  }

  get hasBegun(): boolean {
    return this.#endsAt !== undefined;
  }

  begin(): void {
    this.#endsAt ??= this.#clock.monotonic() + this.lastCallMs + haltMs;
  }

  /** Milliseconds that a request to Podium may take if it begins now. */
  readonly podiumMs = (): number => {
    if (this.#endsAt === undefined) return this.lastCallMs;
    return Math.max(1, Math.min(this.lastCallMs, this.#endsAt - this.#clock.monotonic()));
  };
}
