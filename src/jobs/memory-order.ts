import { Queue } from "../lib/queue.ts";
import { isLimited } from "../wire/dispatch.ts";
import type { Job } from "./job.ts";

export interface MemoryBounds {
  readonly jobsMax: number;
  /** Characters of Podium's words that they may hold together. */
  readonly charsMax: number;
}

/** What has no limit pushes nothing else out: past this share of a bound its own oldest goes first. */
const unlimitedShare = 1 / 4;

/** Jobs of which the oldest goes first, and what they hold. */
interface Line {
  readonly ids: Queue<string>;
  chars: number;
}

/** In which order memory forgets jobs: what the limit holds back and what it does not are two lines. */
export class MemoryOrder {
  readonly #bounds: MemoryBounds;
  readonly #limited: Line = { ids: new Queue(), chars: 0 };
  readonly #unlimited: Line = { ids: new Queue(), chars: 0 };

  constructor(bounds: MemoryBounds) {
    this.#bounds = bounds;
  }

  add(job: Job): void {
    const line = this.#lineOf(job);
    line.ids.push(job.job_id);
    line.chars += charsOf(job);
  }

  change(before: Job, after: Job): void {
    this.#lineOf(after).chars += charsOf(after) - charsOf(before);
  }

  forget(job: Job): void {
    this.#lineOf(job).chars -= charsOf(job);
  }

  /** Takes the job that must go out of its line; undefined when everything fits. */
  overflow(): string | undefined {
    const { jobsMax, charsMax } = this.#bounds;
    const jobs = this.#limited.ids.length + this.#unlimited.ids.length;
    if (jobs <= jobsMax && this.#limited.chars + this.#unlimited.chars <= charsMax) return undefined;
    const isCrowded =
      this.#unlimited.ids.length > Math.ceil(jobsMax * unlimitedShare) ||
      this.#unlimited.chars > charsMax * unlimitedShare ||
      this.#limited.ids.length === 0;
    return (isCrowded ? this.#unlimited : this.#limited).ids.shift();
  }

  #lineOf({ action }: Job): Line {
    return isLimited(action) ? this.#limited : this.#unlimited;
  }
}

/** All that can be long in a job. */
function charsOf({ podium_response, last_event, detail }: Job): number {
  return (podium_response?.length ?? 0) + (last_event?.length ?? 0) + (detail?.length ?? 0);
}
