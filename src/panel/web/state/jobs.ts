import type { Fields } from "../api/json.ts";
import { fieldsOf, firstText, listOf, numberOf } from "../api/json.ts";

/** One dispatch as `GET …/jobs` tells it. */
export interface Job {
  readonly jobId: string;
  readonly auditId: string;
  readonly action: string;
  readonly storyId?: string;
  readonly planId?: string;
  readonly source: string;
  readonly userId?: string;
  /** roxy-core's word: pending, queued, rejected, failed, unknown. */
  readonly status: string;
  /** Podium's word for the story. */
  readonly podiumStatus?: string;
  readonly createdAt: string;
  readonly answeredAt?: string;
  readonly podiumAt?: string;
  /** When Podium first said that it runs. */
  readonly startedAt?: string;
  /** Why it went no further, as a problem's code and in words. */
  readonly code?: string;
  readonly detail?: string;
  readonly retry?: string;
  readonly receipt?: { readonly seq: number; readonly hash: string };
  /** What Podium said last about it, in its own words. */
  readonly message?: string;
  /** Of a prepared plan, Podium's answer: what would be done, and the nonce. */
  readonly prepared?: Fields;
}

/** The job list: a screenful and an hour of a busy day; more does not fit in one answer. */
export const jobsListed = 200;

export function readJobs(body: Fields): Job[] {
  return listOf(body["jobs"]).flatMap((item) => readJob(fieldsOf(item)) ?? []);
}

export function readJob(fields: Fields): Job | undefined {
  const [jobId, auditId] = [firstText(fields, "job_id"), firstText(fields, "audit_id")];
  if (jobId === undefined || auditId === undefined) return undefined;
  const receipt = fieldsOf(fields["receipt"]);
  const [seq, hash] = [numberOf(receipt["seq"]), firstText(receipt, "hash")];
  const optional = {
    storyId: firstText(fields, "story_id"),
    planId: firstText(fields, "plan_id"),
    userId: firstText(fields, "user_id"),
    podiumStatus: firstText(fields, "podium_status"),
    answeredAt: firstText(fields, "answered_at"),
    podiumAt: firstText(fields, "podium_at"),
    startedAt: firstText(fields, "podium_started_at"),
    code: firstText(fields, "code"),
    detail: firstText(fields, "detail"),
    retry: firstText(fields, "retry"),
    message: firstText(fieldsOf(fields["last_event"]), "message"),
    receipt: seq !== undefined && hash !== undefined ? { seq, hash } : undefined,
    prepared: fields["action"] === "prepare_apply" ? fieldsOf(fields["podium_result"]) : undefined,
  };
  return {
    jobId,
    auditId,
    action: firstText(fields, "action") ?? "",
    source: firstText(fields, "source") ?? "",
    status: firstText(fields, "status") ?? "unknown",
    createdAt: firstText(fields, "created_at") ?? "",
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as object),
  };
}

/** What Podium said about a story. */
export interface StoryWord {
  readonly storyId: string;
  readonly word: string;
  /** RFC 3339, by roxy-core's clock. */
  readonly at: string;
  readonly message?: string;
}

/**
 * The job that a word of Podium's about a story is about: the newest that it may be running. While that one waits for its
 * answer, it is the one before it, until that has ended.
 */
export function jobMeant(jobs: readonly Job[], { storyId, at }: StoryWord): Job | undefined {
  const isMeant = ({ storyId: own, status, createdAt }: Job): boolean =>
    own === storyId && at >= createdAt && status !== "rejected" && status !== "failed";
  const [newest, before] = jobs.filter(isMeant);
  if (newest?.status !== "pending" || before?.status !== "queued") return newest;
  return endings.has(before.podiumStatus ?? "") ? newest : before;
}

/** The jobs after a word of Podium's about a story. */
export function jobsAfterWord(jobs: readonly Job[], told: StoryWord): readonly Job[] {
  const meant = jobMeant(jobs, told);
  const { word, at, message } = told;
  if (meant === undefined || meant.podiumStatus === word) return jobs;
  const job = { ...meant, podiumStatus: word, podiumAt: at, ...(message !== undefined && { message }) };
  return jobs.with(jobs.indexOf(meant), job);
}

export const endings = new Set(["done", "failed", "cancelled", "completed"]);

export type Outcome = "done" | "failed" | "refused" | "unsent" | "open";

/** What became of it, for counting. */
export function outcomeOf({ status, podiumStatus }: Job): Outcome {
  if (status === "rejected") return "refused";
  // roxy-core's own "failed" says that nothing was sent: no story has failed.
  if (status === "failed") return "unsent";
  if (podiumStatus === "failed") return "failed";
  if (podiumStatus === "done" || podiumStatus === "completed") return "done";
  return "open";
}

export function endedAt(job: Job): string {
  return job.podiumAt ?? job.answeredAt ?? job.createdAt;
}
