import type { StreamEvent } from "../stream/hub.ts";
import { statusFacts } from "../wire/podium.ts";
import type { Job } from "./job.ts";
import type { Unheard, UnheardDeps } from "./unheard.ts";
import { asksMax, endDraft, endWordOf, firstWaitMs } from "./unheard.ts";

export interface PlanEndsDeps extends UnheardDeps {
  /** Asks by itself about what may have been missed. */
  readonly unheard: Pick<Unheard, "isAsking">;
}

/** Plans that are asked about at a time: as many as have their stories remembered. The oldest are given up. */
const plansMax = 32;

/**
 * Podium's frames tell of stories; of a plan it need not say a word. So once all stories that were heard of under a plan have
 * ended, Podium's status is asked whether the plan has, too: a few times, because its own word may come a little later.
 */
export class PlanEnds {
  readonly #deps: PlanEndsDeps;
  /** By job: the timer of its next question. */
  readonly #waiting = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(deps: PlanEndsDeps) {
    this.#deps = deps;
  }

  /** Podium has said something. */
  heard(event: StreamEvent): void {
    const { watch, terminalStatuses } = this.#deps;
    if (event.storyId === undefined || !terminalStatuses.has(event.status ?? "")) return;
    const job = watch.toldBy(event).find(({ action }) => action === "enqueue_plan");
    if (!job || this.#waiting.has(job.job_id)) return;
    if (this.#waiting.size >= plansMax) this.#giveUp(this.#waiting.keys().next().value!);
    this.#askLater(job.job_id, 1);
  }

  stop(): void {
    for (const jobId of this.#waiting.keys()) this.#giveUp(jobId);
  }

  #askLater(jobId: string, asks: number): void {
    // The first question waits as well: the word that set it off is being recorded.
    const timer = setTimeout(() => void this.#ask(jobId, asks), firstWaitMs * 2 ** (asks - 1));
    this.#waiting.set(jobId, timer);
  }

  async #ask(jobId: string, asks: number): Promise<void> {
    const timer = this.#waiting.get(jobId);
    const { watch, terminalStatuses, unheard } = this.#deps;
    if (!this.#mayHaveEnded(jobId)) return this.#giveUp(jobId);
    const json = unheard.isAsking(jobId) ? undefined : await this.#deps.podiumStatus();
    const isHeard = json !== undefined && (await this.#deps.flushed());
    // Given up, or more was heard meanwhile.
    if (this.#waiting.get(jobId) !== timer) return;
    const job = this.#mayHaveEnded(jobId);
    if (!job) return this.#giveUp(jobId);
    const word = isHeard ? endWordOf(statusFacts(json), job, terminalStatuses) : undefined;
    if (word !== undefined) {
      watch.find(jobId);
      this.#deps.append(endDraft(job, word)).catch(() => {});
    }
    if (word !== undefined || asks === asksMax) this.#giveUp(jobId);
    else this.#askLater(jobId, asks + 1);
  }

  /**
   * The job, when it has not ended and all that was heard of its stories is that they have; or when some of that may have
   * been missed.
   */
  #mayHaveEnded(jobId: string): Job | undefined {
    const { jobs, watch, terminalStatuses } = this.#deps;
    const job = jobs.get(jobId);
    // Of one that Podium has not taken, or may not have, its words may be about an earlier run.
    if (job?.status !== "queued" || terminalStatuses.has(job.podium_status ?? "")) return undefined;
    if (watch.successorOf(job)) return undefined;
    if (watch.hasMissed(jobId)) return job;
    return watch
      .planFrames(jobId)
      .values()
      .every(({ word }) => terminalStatuses.has(word))
      ? job
      : undefined;
  }

  #giveUp(jobId: string): void {
    clearTimeout(this.#waiting.get(jobId));
    this.#waiting.delete(jobId);
  }
}
