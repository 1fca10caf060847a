import type { Job } from "../jobs/job.ts";
import type { JobArchive } from "../jobs/archive.ts";
import type { Retry } from "../lib/errors.ts";
import { Problem } from "../lib/errors.ts";
import { asJson } from "../wire/raw-json.ts";

/** What a dispatch is answered with. */
export interface Dispatched {
  readonly job: Job;
  /** Podium's answer as it came: JSON text. */
  readonly podiumResult: string;
  readonly replayed: boolean;
}

/** The stored answer of a settled key. @throws Problem when the answer was no, or is no longer kept */
export async function replay(archive: Pick<JobArchive, "find">, jobId: string): Promise<Dispatched> {
  const job = await archive.find(jobId).catch(rethrowInDoubt(jobId));
  if (!job)
    throw new Problem("not_found", `The answer of ${jobId} is no longer in the audit log; nothing was executed`);
  return answerOf(job);
}

/** What comes in the way of finding out what a key has done: nothing was sent for it now, and it may have been before. */
export function rethrowInDoubt(jobId: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof Problem ? error.with({ retry: "same-key", job_id: jobId }) : error;
  };
}

/** The stored answer of a job that has one, marked as such. @throws Problem when the answer was no */
export function answerOf(job: Job): Dispatched {
  const ids = { job_id: job.job_id, audit_id: job.audit_id };
  if (job.status === "queued") return { job, podiumResult: asJson(job.podium_response), replayed: true };
  const code = (job.code ?? "podium_rejected") as ConstructorParameters<typeof Problem>[0];
  const retry = job.retry === undefined ? {} : { retry: job.retry as Retry };
  const headers = { "idempotency-replayed": "true" };
  throw new Problem(code, job.detail ?? `The dispatch ended as ${job.status}`, { ...ids, ...retry, headers });
}
