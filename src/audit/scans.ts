import { Problem } from "../lib/errors.ts";
import type { Files } from "../runtime/types.ts";
import type { ReadDeps, Search } from "./read.ts";

/** Searches of the log at a time: each reads and checks every line on its way, on the thread that dispatches, too. */
const atOnceMax = 2;
/** Searches that wait for their turn: a page of each panel and script that asks; more is a mistake or an attack. */
const waitingMax = 32;

/** As the limits on dispatches tell theirs; nobody knows when the next search ends, so that a second is a guess. */
const limitHeaders = {
  "RateLimit-Policy": `"search";q=${atOnceMax + waitingMax};qu="concurrent-requests"`,
  RateLimit: `"search";r=0;t=1`,
};

/** The line in front of the log for searches that may read all of it. */
export class Scans {
  readonly #log: () => ReadDeps;
  #busy = 0;
  readonly #waiting = new Set<() => void>();

  /** @param log how to read it right now */
  constructor(log: () => ReadDeps) {
    this.#log = log;
  }

  /**
   * Runs the search when it is its turn.
   * @param signal aborted when the caller has gone: a place in the line is free again then, and nothing is read on
   * @throws Problem `rate_limited` when too many wait, `cancelled_by_client`
   */
  readonly run: Search = async (search, signal) => {
    // Its event has been, and will not free the place.
    if (signal?.aborted) throw unwanted();
    if (this.#busy === atOnceMax) await this.#turn(signal);
    else this.#busy++;
    try {
      if (signal?.aborted) throw unwanted();
      const log = this.#log();
      return await search(signal ? { ...log, files: whileWanted(log.files, signal) } : log);
    } finally {
      const [next] = this.#waiting;
      if (next) next();
      else this.#busy--;
    }
  };

  /** The one that ends hands its place on. */
  #turn(signal?: AbortSignal): Promise<void> {
    if (this.#waiting.size >= waitingMax) {
      throw new Problem("rate_limited", `${waitingMax} searches of the audit log are waiting already`, {
        retryAfterS: 1,
        headers: limitHeaders,
      });
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(go);
        reject(unwanted());
      };
      const go = (): void => {
        this.#waiting.delete(go);
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      this.#waiting.add(go);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}

/** The same files, which can't be read on once the caller has gone. */
function whileWanted(files: Files, signal: AbortSignal): Files {
  return {
    ...files,
    openRead(path) {
      const file = files.openRead(path);
      return {
        ...file,
        async readAsync(into, offset) {
          if (signal.aborted) throw unwanted();
          return file.readAsync(into, offset);
        },
      };
    },
  };
}

function unwanted(): Problem {
  return new Problem("cancelled_by_client", "The client hung up while the audit log was searched");
}
