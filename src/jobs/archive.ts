import type { ReadDeps, Search } from "../audit/read.ts";
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
  readonly #search: Search;

  /**
   * @param log how to read the log right now, no further than what is durable
   * @param search the same, for more of it than the names of its files
   */
  constructor(store: JobStore, log: () => ReadDeps, search: Search) {
    this.#store = store;
    this.#log = log;
    this.#search = search;
  }

  /**
   * A job from memory or from the day that its id names.
   * @param signal aborted when the caller has gone
   * @throws Fatal at a damaged log; Problem `rate_limited` when too many read it
   */
  async find(jobId: string, signal?: AbortSignal): Promise<Job | undefined> {
    const known = this.#store.get(jobId);
    const id = parseJobId(jobId);
    const isEnough = known ? this.#store.isWhole(jobId) : !id || this.#store.holdsDay(id.day);
    if (isEnough) return known;
    return jobOf(await this.#search((log) => readJob(log, jobId), signal));
  }

  /** The oldest day that the log still holds. */
  firstDay(): string | undefined {
    return heldDays(this.#log())[0];
  }

  /** Whether the log still holds its first record: what is not in it has never been. */
  holdsBeginning(): boolean {
    return holdsFirst(this.#log());
  }

  /**
   * Newest first.
   * @param before a job id: only jobs that were made before it
   * @param signal aborted when the caller has gone
   * @throws as `find` does
   */
  async list(query: JobsQuery, before?: string, signal?: AbortSignal): Promise<JobsPage> {
    const jobs: Job[] = [];
    const start = before === undefined ? undefined : parseJobId(before);
    /** @returns whether the page is full, and more would follow */
    const take = (job: Job): boolean => {
      const { day, number } = parseJobId(job.job_id)!;
      if ((start && day === start.day && number >= start.number) || !matches(job, query)) return false;
      if (jobs.length === query.limit) return true;
      jobs.push(job);
      return false;
    };
    let read = 0;
    for (const day of this.#daysFrom(query.day, start?.day)) {
      const inMemory = this.#store.holdsDay(day);
      if (!inMemory && ++read > daysPerPageMax)
        return { jobs, nextBefore: `JOB-${day.replaceAll("-", "")}-999999999999` };
      const isFull = inMemory
        ? this.#store.ofDay(day).some(take)
        : await this.#search((log) => readJobs(log, day, take), signal);
      if (isFull) return { jobs, nextBefore: jobs.at(-1)!.job_id };
    }
    return { jobs };
  }

  #daysFrom(only: string | undefined, newest: string | undefined): string[] {
    const held = new Set([...heldDays(this.#log()), ...this.#store.days()]);
    const days = only === undefined ? [...held] : [...held].filter((day) => day === only);
    return days.filter((day) => newest === undefined || day <= newest).toSorted((a, b) => (a < b ? 1 : -1));
  }
}

/**
 * The jobs of one day, newest first, until `take` has enough. Read from the day's end, so that no more is held than the
 * records whose intent is still to come, and a page costs no more than what lies behind it.
 * @returns whether it has
 */
async function readJobs(log: ReadDeps, day: string, take: (job: Job) => boolean): Promise<boolean> {
  const later = new Map<string, StoredRecord[]>();
  let findings: ReadonlyMap<string, StoredRecord> | undefined;
  for await (const record of readDay(log, day)) {
    const { job_id: jobId, event } = record;
    if (jobId === undefined || parseJobId(jobId)?.day !== day) continue;
    const records = later.get(jobId) ?? [];
    records.push(record);
    if (event !== "intent") {
      later.set(jobId, records);
      continue;
    }
    later.delete(jobId);
    let job = jobOf(records.toReversed())!;
    if (job.status === "unknown") {
      findings ??= await readFindings(log, day);
      const finding = findings.get(jobId);
      if (finding) job = jobAfter(job, finding);
    }
    if (take(job)) return true;
  }
  return false;
}

/** By job: what was unknown on a day may have been found out any day since. */
async function readFindings(log: ReadDeps, day: string): Promise<Map<string, StoredRecord>> {
  const findings = new Map<string, StoredRecord>();
  for await (const record of readOnward(log, day, `"reason":"${reconciledReason}"`)) {
    const isAbout = record.reason === reconciledReason && parseJobId(record.job_id ?? "")?.day === day;
    if (isAbout && !findings.has(record.job_id!)) findings.set(record.job_id!, record);
  }
  return findings;
}

/** What records say of one job, in the order of the log; undefined without its intent. */
function jobOf(records: readonly StoredRecord[]): Job | undefined {
  let job: Job | undefined;
  for (const record of records) {
    if (record.event === "intent") job = jobOfIntent(record);
    else if (job) job = jobAfter(job, record);
  }
  return job;
}

function matches(job: Job, { status, story, action, user }: JobsQuery): boolean {
  if (status !== undefined && job.status !== status && job.podium_status !== status) return false;
  if (story !== undefined && job.story_id !== story) return false;
  if (action !== undefined && job.action !== action) return false;
  return user === undefined || job.user_id === user;
}
