import type { Job } from "./job.ts";

/**
 * What Podium said of the jobs in memory is bounded, too: past the bound the oldest one's words go, which the log still has,
 * and the job stays, which tells what runs and what is in doubt.
 */
export class HeldText {
  readonly #jobs: ReadonlyMap<string, Job>;
  readonly #charsMax: number;
  #chars = 0;
  /** How far the cutting has come: a map's iterator goes on, however the map changes. */
  #next: Iterator<Job, undefined>;
  readonly #cut = new Set<string>();

  /** @param jobs those in memory, oldest first */
  constructor(jobs: ReadonlyMap<string, Job>, charsMax: number) {
    this.#jobs = jobs;
    this.#charsMax = charsMax;
    this.#next = jobs.values();
  }

  /** Whether memory has all that is known of it. */
  isWhole(jobId: string): boolean {
    return !this.#cut.has(jobId);
  }

  /** One job is now another; undefined where there was none, or is none any more. */
  change(before: Job | undefined, after: Job | undefined): void {
    this.#chars += charsOf(after) - charsOf(before);
    if (before && !after) this.#cut.delete(before.job_id);
  }

  /** The next job without its words, which must take its place; undefined when the rest fits. */
  overflow(): Job | undefined {
    if (this.#chars <= this.#charsMax) return undefined;
    for (let passes = 0; passes < 2;) {
      const { value: job } = this.#next.next();
      if (job === undefined) {
        this.#next = this.#jobs.values();
        passes++;
      } else if (charsOf(job) > 0) {
        this.#cut.add(job.job_id);
        return { ...job, podium_response: undefined, last_event: undefined };
      }
    }
    return undefined;
  }
}

/** Of what can be long: a problem's own words are a few lines at most. */
function charsOf(job: Job | undefined): number {
  return (job?.podium_response?.length ?? 0) + (job?.last_event?.length ?? 0);
}
