import { Problem } from "../lib/errors.ts";

/** Searches of the log at a time: each reads and checks every line on its way, on the thread that dispatches, too. */
const atOnceMax = 2;
/** Searches that wait for their turn: a page of each panel and script that asks; more is a mistake or an attack. */
const waitingMax = 32;

/** The line in front of the log for searches that may read all of it. */
export class Scans {
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * Runs the search when it is its turn; one whose caller has gone by then ends at once.
   * @throws Problem `rate_limited` when too many wait
   */
  async run<T>(search: () => Promise<T>): Promise<T> {
    if (this.#busy === atOnceMax) {
      if (this.#waiting.length >= waitingMax) {
        throw new Problem("rate_limited", `${waitingMax} searches of the audit log are waiting already`, {
          retryAfterS: 1,
        });
      }
      // The one that ends hands its place on.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#busy++;
    }
    try {
      return await search();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#busy--;
    }
  }
}
