import type { StoredRecord } from "../audit/record.ts";
import type { Clock } from "../lib/clock.ts";
import { BoundedMap } from "../lib/bounded-map.ts";
import { jobIdOf, parseJobId } from "../lib/ids.ts";
import type { Action, Receipt } from "../wire/dispatch.ts";
import { isExecuting, isLimited, subjectOf } from "../wire/dispatch.ts";
import { isEndedWord } from "../wire/podium.ts";
import { Queue } from "../lib/queue.ts";
import type { Doubt } from "./doubt.ts";
import { doubtIn, doubtOf } from "./doubt.ts";
import { HeldText } from "./held-text.ts";
import type { Job } from "./job.ts";
import { carriedReason, jobAfter, jobOfIntent } from "./job.ts";

/**
 * Jobs in memory: at the default limit a day holds 14,400 limited dispatches, so those of the newest day are here, and halts,
 * cancels and looks at the status, which have no limit, have the rest. Older ones are read from the log when asked for.
 */
export const jobsMax = 20_000;
/** What has no limit pushes nothing else out: past this share of the bound its own oldest goes first. */
const unlimitedShare = 1 / 4;
/** What Podium said of them, in characters: a day's answers of 2 KiB each. Of older ones it is read from the log. */
const charsMax = 32 * 1024 * 1024;
/**
 * Unknown outcomes that nobody has found out: at the default limit, sixteen hours of nothing else. Past it the oldest is
 * forgotten, which is then no longer on anybody's desk.
 */
export const doubtsMax = 10_000;

interface Unsettled {
  readonly job: Doubt;
  /** Running time: setting the machine's clock must neither shorten nor prolong the doubt. */
  readonly since: number;
}

export interface JobStoreBounds {
  readonly jobsMax: number;
  readonly charsMax: number;
  readonly doubtsMax: number;
}

/** The projection of the audit log that answers "what became of it". Fed with records in order, live and at start. */
export class JobStore {
  readonly #clock: Clock;
  readonly #bounds: JobStoreBounds;
  /** In order of creation: a Map keeps it. */
  readonly #jobs = new Map<string, Job>();
  readonly #text: HeldText;
  /** Their ids, oldest first: of what the limit holds back, and of what it does not. */
  readonly #limited = new Queue<string>();
  readonly #unlimited = new Queue<string>();
  #forgottenUntil = -1;
  /** What was found out of dispatches that memory does not hold. */
  readonly #foundOut = new BoundedMap<string, true>(doubtsMax);
  /** The newest job for each story. */
  readonly #byStory = new Map<string, string>();
  /** By job: the one that its story's words were about before it. */
  readonly #storyBefore = new Map<string, string>();
  /** Intents whose outcome is not recorded yet, by audit id. */
  readonly #open = new Map<string, Job>();
  /** The newest dispatch with an unknown outcome, by story or plan step, until the outcome is found out. Oldest first. */
  readonly #unsettled = new Map<string, Unsettled>();
  /**
   * What Podium took since the head of the file that is being written, by story or plan step: a doubt that is then said again
   * was settled before it was said. The first so many of a file: those that were on their way when it began.
   */
  readonly #takenSinceHead = new Set<string>();
  /** Since when the youngest doubt that was forgotten for the bound's sake had been one. */
  #forgottenSince = -Infinity;
  /** The first day of which every job is in memory; a replay may begin in the middle of the day before. */
  #completeFrom: string | undefined;
  #day = "";
  #number = 0;

  /** @param clock its monotonic time goes on over restarts */
  constructor(clock: Clock, bounds: JobStoreBounds = { jobsMax, charsMax, doubtsMax }) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#text = new HeldText(this.#jobs, bounds.charsMax);
  }

  apply(record: StoredRecord): void {
    this.#completeFrom ??= record.seq === 0 ? record.timestamp.slice(0, 10) : dayAfter(record.timestamp);
    if (record.event === "checkpoint") this.#takenSinceHead.clear();
    if (record.job_id === undefined) return;
    if (record.event === "intent") this.#begin(record);
    else if (record.reason === carriedReason) this.#recall(record);
    else this.#continue(record);
  }

  get(jobId: string): Job | undefined {
    return this.#jobs.get(jobId);
  }

  /** Whether memory has all that is known of it: of old ones, what Podium said may be in the log only. */
  isWhole(jobId: string): boolean {
    return this.#text.isWhole(jobId);
  }

  /** Place in the log up to which limited dispatches may have been forgotten. */
  get forgottenUntil(): number {
    return this.#forgottenUntil;
  }

  /** Whether "it runs" may be about another dispatch of the same story or plan step. Looked for only when there is a doubt. */
  mayRunBeside(doubt: Doubt): boolean {
    const intent = this.#jobs.get(doubt.job_id)?.receipt;
    return this.#jobs.values().some((job) => job.job_id !== doubt.job_id && mayRunLike(doubt, job, intent));
  }

  /** Whether it may have been about an earlier one when it was recorded under this one. */
  mayRunBefore(doubt: Doubt): boolean {
    const intent = this.#jobs.get(doubt.job_id)?.receipt;
    const first = this.#jobs.values().find((job) => job.job_id === doubt.job_id || mayRunLike(doubt, job, intent));
    return first !== undefined && first.job_id !== doubt.job_id;
  }

  /** Whether Podium may have been given a plan that fits. Looked for only in doubt. */
  hasPlan(fits: (job: Job) => boolean): boolean {
    return this.#jobs.values().some((job) => job.action === "enqueue_plan" && !isRefused(job) && fits(job));
  }

  /**
   * The newest job about a story that Podium may be running: what it refused or never got changed nothing, and the
   * story's words are still about the one before.
   */
  ofStory(storyId: string): Job | undefined {
    let job = this.#jobs.get(this.#byStory.get(storyId) ?? "");
    while (job && isRefused(job)) {
      job = this.#jobs.get(this.#storyBefore.get(job.job_id) ?? "");
    }
    return job;
  }

  /** The job whose unknown outcome stands in the way of the same story or plan step. */
  unsettledOf(subject: string): Doubt | undefined {
    return this.#unsettled.get(subject)?.job;
  }

  /**
   * Since when, in running time, the outcome of this job has been unknown. A doubt that is no longer here gave way to a
   * later dispatch of the same story, which had to wait until it was settled, or to the bound.
   */
  unknownSince(job: Doubt): number {
    const unsettled = this.#unsettled.get(subjectOf(job));
    return unsettled?.job.job_id === job.job_id ? unsettled.since : this.#forgottenSince;
  }

  /** What nobody has found out yet, oldest first. */
  doubts(): Doubt[] {
    return [...this.#unsettled.values()].map(({ job }) => job);
  }

  /** The newest job id when its day is later than this one: the clock was ahead once. */
  newestId(day: string): string | undefined {
    return this.#day > day ? jobIdOf(this.#day, this.#number) : undefined;
  }

  /** Whether every job of this day is in memory. */
  holdsDay(day: string): boolean {
    return this.#completeFrom !== undefined && day >= this.#completeFrom;
  }

  /** Days that jobs in memory were made on, in no order. */
  days(): string[] {
    return [...new Set([...this.#jobs.keys()].map((id) => parseJobId(id)!.day))];
  }

  /** The jobs of one day, newest first. */
  ofDay(day: string): Job[] {
    const prefix = `JOB-${day.replaceAll("-", "")}-`;
    return [...this.#jobs.values()].filter(({ job_id }) => job_id.startsWith(prefix)).toReversed();
  }

  /** Intents that have no outcome: after a crash, the ones whose fate is unknown. */
  withoutOutcome(): Job[] {
    return [...this.#open.values()];
  }

  /** The number after the day's highest durable or handed-out one. Two calls never give the same. */
  nextNumber(day: string): number {
    if (day > this.#day) {
      this.#day = day;
      this.#number = 0;
    }
    return ++this.#number;
  }

  /** The day whose numbers are being counted: when the clock steps back, ids go on under the later day. */
  countingDay(today: string): string {
    return today > this.#day ? today : this.#day;
  }

  #begin(record: StoredRecord): void {
    const job = jobOfIntent(record);
    this.#jobs.set(job.job_id, job);
    (isLimited(job.action) ? this.#limited : this.#unlimited).push(job.job_id);
    this.#open.set(job.audit_id, job);
    this.#pointStoryAt(job);
    this.#count(record);
    if (this.#jobs.size > this.#bounds.jobsMax) this.#forgetOldest();
  }

  /** The way of a story is told by the dispatch that started it; a cancel only ends it. */
  #pointStoryAt({ story_id, action, job_id }: Job): void {
    if (story_id === undefined) return;
    const before = this.ofStory(story_id);
    if (before && !isExecuting(action)) return;
    this.#byStory.set(story_id, job_id);
    if (before) this.#storyBefore.set(job_id, before.job_id);
  }

  #continue(record: StoredRecord): void {
    const before = this.#open.get(record.audit_id ?? "") ?? this.#jobs.get(record.job_id!);
    if (record.event === "outcome" || record.event === "unknown") this.#open.delete(record.audit_id ?? "");
    if (!before) return this.#settleForgotten(record);
    const job = jobAfter(before, record);
    if (this.#jobs.has(job.job_id)) {
      this.#jobs.set(job.job_id, job);
      this.#hold(before, job);
    }
    // Telemetry may be quicker than the answer: the outcome must not forget it.
    if (this.#open.has(job.audit_id)) this.#open.set(job.audit_id, job);
    if (isExecuting(job.action)) this.#settle(job, record);
  }

  /** Another job's doubt gives way only to the answer of a later one, never to news of an earlier one. */
  #settle(job: Job, { event, uptime_ms: uptimeMs = this.#clock.monotonic() }: StoredRecord): void {
    const subject = subjectOf(job);
    const unsettled = this.#unsettled.get(subject);
    const isKnown = unsettled?.job.job_id === job.job_id;
    if (job.status === "unknown") {
      if (isKnown) this.#unsettled.set(subject, { job: doubtOf(job), since: unsettled.since });
      else if (event !== "job") this.#doubt(subject, { job: doubtOf(job), since: uptimeMs });
    } else if (isKnown || (event !== "job" && job.status === "queued")) this.#unsettled.delete(subject);
    if (event !== "job" && job.status === "queued") this.#take(subject);
  }

  #take(subject: string): void {
    if (this.#takenSinceHead.size < this.#bounds.doubtsMax) this.#takenSinceHead.add(subject);
  }

  #doubt(subject: string, unsettled: Unsettled): void {
    this.#takenSinceHead.delete(subject);
    this.#unsettled.delete(subject);
    this.#unsettled.set(subject, unsettled);
    if (this.#unsettled.size <= this.#bounds.doubtsMax) return;
    const [oldest, { since }] = this.#unsettled.entries().next().value!;
    this.#unsettled.delete(oldest);
    this.#forgottenSince = Math.max(this.#forgottenSince, since);
  }

  /** What older files have said: a doubt whose intent lies in none of those that were read, or the newest id. */
  #recall(record: StoredRecord): void {
    this.#count(record);
    if (record.result !== "unknown" || record.audit_id === undefined) return;
    const unsettled = this.#unsettledBy(record);
    const { job } = unsettled;
    const subject = subjectOf(job);
    // It was found out, or gave way to a later one, while this was being written.
    const isSettled =
      this.#foundOut.has(job.job_id) ||
      (this.#jobs.get(job.job_id)?.status ?? "unknown") !== "unknown" ||
      this.#takenSinceHead.has(subject);
    if (!isSettled && !this.#unsettled.has(subject)) this.#doubt(subject, unsettled);
  }

  /** News of a dispatch that memory holds no more, or whose intent lies in a file that was not read. */
  #settleForgotten(record: StoredRecord): void {
    if (record.result === undefined || record.action === undefined) return;
    const action = record.action as Action;
    const subject = subjectOf({ ...record, action });
    if (record.result === "unknown") {
      if (record.event !== "job" && isExecuting(action)) this.#doubt(subject, this.#unsettledBy(record));
      return;
    }
    this.#foundOut.set(record.job_id!, true);
    const isTaken = record.event !== "job" && record.result === "queued" && isExecuting(action);
    if (isTaken) this.#take(subject);
    if (isTaken || this.#unsettled.get(subject)?.job.job_id === record.job_id) this.#unsettled.delete(subject);
  }

  #unsettledBy(record: StoredRecord): Unsettled {
    return { job: doubtIn(record), since: record.uptime_ms ?? this.#clock.monotonic() };
  }

  #count({ job_id, timestamp }: StoredRecord): void {
    const id = parseJobId(job_id!);
    if (!id) return;
    // Behind a clock that was set back, ids go on under a day of which older files may hold the first.
    if (id.day > timestamp.slice(0, 10) && this.holdsDay(id.day)) this.#completeFrom = dayAfter(id.day);
    if (id.day > this.#day) {
      this.#day = id.day;
      this.#number = id.number;
    } else if (id.day === this.#day) this.#number = Math.max(this.#number, id.number);
  }

  /** One job in memory is now another, or none. */
  #hold(before: Job | undefined, after: Job | undefined): void {
    this.#text.change(before, after);
    for (let cut = this.#text.overflow(); cut; cut = this.#text.overflow()) {
      this.#text.change(this.#jobs.get(cut.job_id), cut);
      this.#jobs.set(cut.job_id, cut);
      this.#lacks(cut);
    }
  }

  #forgetOldest(): void {
    const share = Math.ceil(this.#bounds.jobsMax * unlimitedShare);
    const isCrowded = this.#unlimited.length > share || this.#limited.length === 0;
    const jobId = (isCrowded ? this.#unlimited : this.#limited).shift();
    const job = jobId === undefined ? undefined : this.#jobs.get(jobId);
    if (!job) return;
    const { job_id, story_id, action, receipt } = job;
    if (isLimited(action)) this.#forgottenUntil = receipt.seq;
    this.#jobs.delete(job_id);
    this.#storyBefore.delete(job_id);
    this.#hold(job, undefined);
    this.#lacks(job);
    if (story_id !== undefined && this.#byStory.get(story_id) === job_id) this.#byStory.delete(story_id);
  }

  /** Memory does not hold the whole day of this job any more. */
  #lacks({ job_id }: Job): void {
    const { day } = parseJobId(job_id)!;
    if (day >= (this.#completeFrom ?? "")) this.#completeFrom = dayAfter(day);
  }
}

/** Podium refused it or never got it. */
function isRefused({ status }: Job): boolean {
  return status === "rejected" || status === "failed";
}

/** @param intent of the doubt; undefined when memory has forgotten it */
function mayRunLike(doubt: Doubt, job: Job, intent: Receipt | undefined): boolean {
  const { podium_asked: askedSeq = -1, podium_status = "" } = job;
  // An end that was only asked for says nothing of what was heard before it.
  const hasEnded = isEndedWord(podium_status) && askedSeq < (intent?.seq ?? 0);
  if (!isExecuting(job.action) || isRefused(job) || hasEnded) return false;
  return subjectOf(job) === subjectOf(doubt);
}

function dayAfter(timestamp: string): string {
  return new Date(Date.parse(timestamp.slice(0, 10)) + 86_400_000).toISOString().slice(0, 10);
}
