import type { ReadDeps } from "../audit/read.ts";
import { heldDays, holdsFirst, readDay, readJob, readOnward } from "../audit/read.ts";
import type { StoredRecord } from "../audit/record.ts";
import { parseJobId } from "../lib/ids.ts";
import type { JobsQuery } from "../wire/jobs.ts";
import type { Job } from "./job.ts";
import { jobAfter, jobOfIntent, reconciledReason } from "./job.ts";
import type { JobStore } from "./store.ts";

/** Days of the log read for one page: some seconds at most. A page may come back short, with a cursor to go on. */
const daysPerPageMax = 7;

export interface JobsPage {
  readonly jobs: readonly Job[];
  /** The last job that was looked at; the next page begins before it. Absent at the end. */
  readonly nextBefore?: string;
}

/** Where to look for the jobs that are no longer in memory: the log itself. */
export class JobArchive {
  readonly #store: JobStore;
  readonly #log: () => ReadDeps;

  /** @param log how to read the log right now, no further than what is durable */
  constructor(store: JobStore, log: () => ReadDeps) {
    this.#store = store;
    this.#log = log;
  }

  /** A job from memory or from the day that its id names. @throws Fatal at a damaged log */
  async find(jobId: string): Promise<Job | undefined> {
    const known = this.#store.get(jobId);
    const id = parseJobId(jobId);
    if (known || !id || this.#store.holdsDay(id.day)) return known;
    return jobsOf(await readJob(this.#log(), jobId)).get(jobId);
  }

  /** The oldest day that the log still holds. */
  firstDay(): string | undefined {
    return heldDays(this.#log())[0];
  }

  /** Whether the log still holds its first record: what is not in it has never been. */
  holdsBeginning(): boolean {
    return holdsFirst(this.#log());
  }

  /** Newest first. @param before a job id: only jobs that were made before it */
  async list(query: JobsQuery, before?: string): Promise<JobsPage> {
    const jobs: Job[] = [];
    const start = before === undefined ? undefined : parseJobId(before);
    let read = 0;
    for (const day of this.#daysFrom(query.day, start?.day)) {
      const inMemory = this.#store.holdsDay(day);
      if (!inMemory && ++read > daysPerPageMax)
        return { jobs, nextBefore: `JOB-${day.replaceAll("-", "")}-999999999999` };
      for (const job of await this.#jobsOfDay(day, inMemory)) {
        const { number } = parseJobId(job.job_id)!;
        if (start && day === start.day && number >= start.number) continue;
        if (!matches(job, query)) continue;
        if (jobs.length === query.limit) return { jobs, nextBefore: jobs.at(-1)!.job_id };
        jobs.push(job);
      }
    }
    return { jobs };
  }

  #daysFrom(only: string | undefined, newest: string | undefined): string[] {
    const held = new Set([...heldDays(this.#log()), ...this.#store.days()]);
    const days = only === undefined ? [...held] : [...held].filter((day) => day === only);
    return days.filter((day) => newest === undefined || day <= newest).toSorted((a, b) => (a < b ? 1 : -1));
  }

  async #jobsOfDay(day: string, inMemory: boolean): Promise<Job[]> {
    if (inMemory) return this.#store.ofDay(day);
    const records: StoredRecord[] = [];
    for await (const record of readDay(this.#log(), day)) {
      if (record.job_id !== undefined && parseJobId(record.job_id)?.day === day) records.push(record);
    }
    const jobs = jobsOf(records);
    await this.#findOut(day, jobs);
    return [...jobs.values()].toSorted(newestFirst);
  }

  /** What was unknown then may have been found out any day since. */
  async #findOut(day: string, jobs: Map<string, Job>): Promise<void> {
    const isUnknown = (job: Job | undefined): job is Job => job?.status === "unknown";
    if (![...jobs.values()].some(isUnknown)) return;
    for await (const record of readOnward(this.#log(), day, `"reason":"${reconciledReason}"`)) {
      const job = jobs.get(record.job_id ?? "");
      if (isUnknown(job) && record.reason === reconciledReason) jobs.set(job.job_id, jobAfter(job, record));
    }
  }
}

/** What records say of jobs, by job id, in order of creation. */
function jobsOf(records: readonly StoredRecord[]): Map<string, Job> {
  const jobs = new Map<string, Job>();
  for (const record of records) {
    const jobId = record.job_id!;
    const known = jobs.get(jobId);
    if (record.event === "intent") jobs.set(jobId, jobOfIntent(record));
    else if (known) jobs.set(jobId, jobAfter(known, record));
  }
  return jobs;
}

/** Numbers widen past 999, so text order is not their order. */
function newestFirst(a: Job, b: Job): number {
  return b.receipt.seq - a.receipt.seq;
}

function matches(job: Job, { status, story, action, user }: JobsQuery): boolean {
  if (status !== undefined && job.status !== status && job.podium_status !== status) return false;
  if (story !== undefined && job.story_id !== story) return false;
  if (action !== undefined && job.action !== action) return false;
  return user === undefined || job.user_id === user;
}
