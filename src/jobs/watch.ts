import type { StoredRecord } from "../audit/record.ts";
import { BoundedMap } from "../lib/bounded-map.ts";
import type { Action } from "../wire/dispatch.ts";
import { subjectOf } from "../wire/dispatch.ts";
import type { Job } from "./job.ts";
import type { JobStore } from "./store.ts";
import { jobsMax } from "./store.ts";

/** A frame of Podium's as it was recorded. */
export interface KnownFrame {
  readonly at: string;
  readonly text?: string;
  readonly word: string;
}

/** Plans whose stories are remembered, and stories of each: with frames of at most 4 KiB some 32 MiB, and far above use. */
const plansMax = 32;
export const planStoriesMax = 256;

/** The actions after which Podium's frames tell how it goes on; of the others the recorded outcome is all. */
export function startsStories(action: Action): boolean {
  return action === "enqueue_story" || action === "enqueue_plan";
}

/** Ids of the newest jobs for one story or plan. */
interface Newest {
  asked: string | undefined;
  /** Has left for Podium. */
  sent: string | undefined;
  /** Podium has taken it. */
  taken: string | undefined;
}

const none: Readonly<Newest> = { asked: undefined, sent: undefined, taken: undefined };

/** What the streams of single jobs want to know of the log, as it happens. Fed with the store's records, after it. */
export class JobWatch {
  readonly #jobs: JobStore;
  readonly #terminalStatuses: ReadonlySet<string>;
  readonly #listeners = new Map<string, Set<() => void>>();
  /** By story or plan; what was asked for last is forgotten last. */
  readonly #newest = new BoundedMap<string, Newest>(jobsMax);
  /** Since when Podium's frames are about a job of this life of ours. */
  readonly #since = new BoundedMap<string, string>(jobsMax);
  /** The newest frame about each story of a plan's job. */
  readonly #planFrames = new BoundedMap<string, Map<string, KnownFrame>>(plansMax);
  /** By story, the plan's job under which a frame has named it last; as many as are remembered of all plans together. */
  readonly #planOf = new BoundedMap<string, string>(plansMax * planStoriesMax);
  /** Jobs that ran while Podium's telemetry had a hole. */
  readonly #missed = new BoundedMap<string, true>(jobsMax);
  /** Jobs of which nobody knows whether they have ended, and nobody will say. */
  readonly #lost = new BoundedMap<string, true>(jobsMax);

  /** @param terminalStatuses Podium's words for a story that has ended */
  constructor(jobs: JobStore, terminalStatuses: ReadonlySet<string>) {
    this.#jobs = jobs;
    this.#terminalStatuses = terminalStatuses;
  }

  /** Called right before its first byte leaves for Podium. @param at RFC 3339 */
  sent(jobId: string, at: string): void {
    const job = this.#jobs.get(jobId);
    if (!job || !startsStories(job.action)) return;
    this.#ownOf(subjectOf(job)).sent = jobId;
    if (!this.#since.has(jobId) && this.meant(job) === job) this.#since.set(jobId, at);
  }

  /**
   * The job that Podium's frames are about, of those for the same story or plan. A frame names no dispatch: while one waits
   * for its answer they are about the one before it, until that has had its last word; about one that has not left, never.
   * @param newest the newest that was asked for
   */
  meant(newest: Job): Job | undefined {
    if (newest.status !== "pending") return newest;
    const { sent, taken } = this.#newestOf(subjectOf(newest));
    const before = this.#jobOf(taken);
    if (before && !this.#terminalStatuses.has(before.podium_status ?? "")) return before;
    if (!startsStories(newest.action)) return newest;
    return this.#jobOf(sent) ?? before;
  }

  /** RFC 3339: frames before it are about an earlier dispatch; undefined while it waits and all of them are. */
  since(job: Job): string | undefined {
    return this.#since.get(job.job_id) ?? (job.status === "pending" ? undefined : (job.answered_at ?? job.created_at));
  }

  apply(record: StoredRecord): void {
    const job = record.job_id === undefined ? undefined : this.#jobs.get(record.job_id);
    if (!job) return;
    if (record.event === "job") this.#learn(job, record);
    const before = startsStories(job.action) ? this.#take(job) : undefined;
    this.#tell(job.job_id);
    if (before !== undefined) this.#tell(before);
  }

  /** Calls back after each record about this job, and when a newer one has taken its story over. */
  listen(jobId: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(jobId) ?? new Set();
    this.#listeners.set(jobId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(jobId) === listeners) this.#listeners.delete(jobId);
    };
  }

  /** The newer job for the same story or plan that Podium has taken: what it says from then on is about that one. */
  successorOf(job: Job): Job | undefined {
    if (!startsStories(job.action)) return undefined;
    const newest = this.#jobOf(this.#newestOf(subjectOf(job)).taken);
    return newest && newest.receipt.seq > job.receipt.seq ? newest : undefined;
  }

  /** Of each story and plan what Podium has taken, or may have, and has not called ended. */
  running(): Job[] {
    const jobIds = new Set(this.#newest.values().flatMap(({ taken, sent }) => [taken, sent]));
    return [...jobIds].flatMap((jobId) => this.#jobOf(jobId) ?? []).filter((job) => this.#mayRun(job));
  }

  /** Whether what Podium says may still be about this job: of one that memory has not, or has no more, nothing is told. */
  isFollowed(jobId: string): boolean {
    return this.#jobs.get(jobId) !== undefined;
  }

  /** Of a plan's stories something may have been missed: what is on record of them may not be their last word. */
  miss(jobId: string): void {
    this.#missed.set(jobId, true);
  }

  hasMissed(jobId: string): boolean {
    return this.#missed.has(jobId);
  }

  get hasLost(): boolean {
    return this.#lost.size > 0;
  }

  isLost(jobId: string): boolean {
    return this.#lost.has(jobId);
  }

  /** Podium's telemetry had a hole, and since then nothing tells whether this job has ended. */
  lose(jobId: string): void {
    this.#lost.set(jobId, true);
    this.#tell(jobId);
  }

  find(jobId: string): void {
    this.#lost.delete(jobId);
  }

  /**
   * The jobs that a frame is about: its story's and its plan's. A story that was once named as a plan's stays the plan's, also
   * for frames that don't say so again: up to its last word there it is one run, whoever else has asked for it.
   */
  toldBy({ storyId, planId }: { readonly storyId?: string; readonly planId?: string }): Job[] {
    const ofStory = storyId === undefined ? undefined : this.ofStory(storyId);
    const ofPlan = planId === undefined ? this.#planWith(storyId ?? "") : this.ofPlan(planId);
    // Known at once: the next frame may come before this one is on record.
    if (storyId !== undefined && ofPlan) this.#planOf.set(storyId, ofPlan.job_id);
    return [ofStory, ofPlan].flatMap((job) => job ?? []);
  }

  /** The job that frames about this story are about. */
  ofStory(storyId: string): Job | undefined {
    const newest = this.#jobs.ofStory(storyId);
    return newest && this.meant(newest);
  }

  /** The job that frames about this plan are about. */
  ofPlan(planId: string): Job | undefined {
    const subject = subjectOf({ action: "enqueue_plan", plan_id: planId });
    const newest = this.#newestOf(subject);
    const asked = this.#jobOf(newest.asked);
    if (asked && asked.status !== "rejected" && asked.status !== "failed") return this.meant(asked);
    return this.#jobOf(newest.taken);
  }

  #planWith(storyId: string): Job | undefined {
    const job = this.#jobOf(this.#planOf.get(storyId));
    return job && this.ofPlan(job.plan_id!)?.job_id === job.job_id ? job : undefined;
  }

  /** By story, the newest frame of each of a plan's that is on record. */
  planFrames(jobId: string): ReadonlyMap<string, KnownFrame> {
    return this.#planFrames.get(jobId) ?? new Map();
  }

  /** @returns the job whose story or plan this one takes over */
  #take(job: Job): string | undefined {
    const subject = subjectOf(job);
    if (job.status === "pending") this.#newest.set(subject, { ...this.#newestOf(subject), asked: job.job_id });
    if (job.status === "unknown") this.#mayHaveLeft(job, subject);
    if (job.status !== "queued") return undefined;
    const newest = this.#ownOf(subject);
    const before = newest.taken;
    const seqBefore = this.#jobOf(before)?.receipt.seq ?? -1;
    if (before === job.job_id || seqBefore > job.receipt.seq) return undefined;
    newest.taken = job.job_id;
    if (!this.#since.has(job.job_id)) this.#since.set(job.job_id, job.answered_at ?? job.created_at);
    return before;
  }

  /** What is in doubt since an earlier life is not known to have left, and may have. */
  #mayHaveLeft(job: Job, subject: string): void {
    const newest = this.#ownOf(subject);
    const sent = this.#jobOf(newest.sent);
    if (!sent || sent.receipt.seq < job.receipt.seq) newest.sent = job.job_id;
  }

  #newestOf(subject: string): Readonly<Newest> {
    return this.#newest.get(subject) ?? none;
  }

  /** To be changed. */
  #ownOf(subject: string): Newest {
    const known = this.#newest.get(subject);
    if (known) return known;
    const own = { ...none };
    this.#newest.set(subject, own);
    return own;
  }

  #jobOf(jobId: string | undefined): Job | undefined {
    return jobId === undefined ? undefined : this.#jobs.get(jobId);
  }

  #mayRun(job: Job): boolean {
    if (job.status === "rejected" || job.status === "failed" || this.successorOf(job)) return false;
    return !this.#terminalStatuses.has(job.podium_status ?? "");
  }

  #tell(jobId: string): void {
    this.#listeners.get(jobId)?.forEach((listener) => listener());
  }

  #learn(job: Job, { story_id, podium_status, detail, timestamp }: StoredRecord): void {
    if (job.action !== "enqueue_plan" || story_id === undefined || podium_status === undefined) return;
    const frames = this.#planFrames.get(job.job_id) ?? new BoundedMap<string, KnownFrame>(planStoriesMax);
    frames.set(story_id, { at: timestamp, word: podium_status, ...(detail && { text: detail }) });
    this.#planFrames.set(job.job_id, frames);
    this.#planOf.set(story_id, job.job_id);
  }
}
