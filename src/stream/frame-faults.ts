/** Why a frame of Podium's ends here: it is not text, longer than 1 MiB, or no JSON object with a `type`. */
export type Fault = "binary" | "oversized" | "garbage";
export type FaultCounts = Readonly<Record<Fault, number>>;

/** A broken Podium may send thousands a second: they are counted, and said this often at most. */
export const sayEveryMs = 10_000;

/** Frames that could not be passed on: none of them is dropped in silence, and none of them is a line of its own. */
export class FrameFaults {
  readonly #say: (counts: FaultCounts) => void;
  readonly #counts: Record<Fault, number> = { binary: 0, oversized: 0, garbage: 0 };
  #pause: ReturnType<typeof setTimeout> | undefined;
  #isUnsaid = false;

  /** @param say is given all counts since the start, at the first fault and then at most every {@link sayEveryMs} */
  constructor(say: (counts: FaultCounts) => void) {
    this.#say = say;
  }

  get counts(): FaultCounts {
    return { ...this.#counts };
  }

  note(fault: Fault): void {
    this.#counts[fault]++;
    this.#isUnsaid = true;
    if (this.#pause === undefined) this.#tell();
  }

  stop(): void {
    clearTimeout(this.#pause);
  }

  #tell(): void {
    this.#pause = undefined;
    if (!this.#isUnsaid) return;
    this.#isUnsaid = false;
    this.#pause = setTimeout(() => this.#tell(), sayEveryMs);
    this.#say(this.counts);
  }
}
