import type { StoredRecord } from "../audit/record.ts";
import type { Action, JobStatus, Receipt } from "../wire/dispatch.ts";
import { isStartedWord } from "../wire/podium.ts";

/**
 * One dispatch as the audit log tells it. Every field comes from a record; nothing is kept only in memory. `undefined` is the
 * same as absent: a job whose fields are always the same ones is quicker to make, and to make another from.
 */
export interface Job {
  readonly job_id: string;
  readonly audit_id: string;
  readonly action: Action;
  readonly story_id?: string | undefined;
  readonly plan_id?: string | undefined;
  readonly source: string;
  readonly user_id?: string | undefined;
  readonly session_id?: string | undefined;
  readonly auth_mode: string;
  /** Our word: what became of the command on its way to Podium. */
  readonly status: JobStatus;
  /** Podium's word for the story, from its telemetry. */
  readonly podium_status?: string | undefined;
  /** Podium's answer to the command: JSON text as it came. */
  readonly podium_response?: string | undefined;
  /** How long the answer was that was too long to be recorded. */
  readonly podium_response_bytes?: number | undefined;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly retry?: string | undefined;
  readonly receipt: Receipt;
  readonly created_at: string;
  readonly updated_at: string;
  /** When the outcome was recorded. */
  readonly answered_at?: string | undefined;
  /** When Podium first said that it waits or runs: whatever its words were before, this dispatch was executed. */
  readonly podium_started_at?: string | undefined;
  /** When Podium's word last changed. */
  readonly podium_at?: string | undefined;
  /** Its last word was asked for, not heard: the place of the record that says so. */
  readonly podium_asked?: number | undefined;
  /** The last telemetry frame about it, as it came. */
  readonly last_event?: string | undefined;
}

/** Why a record says what became of a dispatch whose outcome was unknown. */
export const reconciledReason = "reconciled";
/** Why a record has a word of Podium's that no frame brought: its status was asked. */
export const askedReason = "asked";
/** Why a record says again what older files have said. */
export const carriedReason = "carried over";

/** A job as its intent record makes it. */
export function jobOfIntent(record: StoredRecord): Job {
  return {
    job_id: record.job_id!,
    audit_id: record.audit_id!,
    action: record.action as Action,
    story_id: record.story_id,
    plan_id: record.plan_id,
    source: record.source ?? "",
    user_id: record.user_id,
    session_id: record.session_id,
    auth_mode: record.auth_mode ?? "local",
    status: "pending",
    podium_status: undefined,
    podium_response: undefined,
    podium_response_bytes: undefined,
    code: undefined,
    detail: record.detail,
    retry: undefined,
    receipt: { seq: record.seq, hash: record.hash },
    created_at: record.timestamp,
    updated_at: record.timestamp,
    answered_at: undefined,
    podium_started_at: undefined,
    podium_at: undefined,
    podium_asked: undefined,
    last_event: undefined,
  };
}

/** The job after one more record about it. */
export function jobAfter(job: Job, record: StoredRecord): Job {
  const { podium_status } = record;
  if (record.event === "outcome" || record.event === "unknown") {
    return {
      ...job,
      status: (record.result as JobStatus | undefined) ?? "unknown",
      podium_response: record.podium_response ?? job.podium_response,
      podium_response_bytes: record.podium_response_bytes ?? job.podium_response_bytes,
      code: record.code ?? job.code,
      detail: record.detail ?? job.detail,
      retry: record.retry ?? job.retry,
      updated_at: record.timestamp,
      answered_at: record.timestamp,
    };
  }
  if (record.reason === carriedReason) return job;
  if (record.event === "job" && record.result !== undefined) return jobFoundOut(job, record);
  const last_event = record.detail ?? job.last_event;
  // Of a plan's job, one story's word is news, and not the plan's own word.
  if (record.event === "job" && record.story_id !== undefined && job.story_id === undefined) {
    return { ...job, updated_at: record.timestamp, last_event };
  }
  if (record.event === "job" && podium_status !== undefined) {
    const startedAt = isStartedWord(podium_status) ? record.timestamp : undefined;
    return {
      ...job,
      podium_status,
      podium_at: record.timestamp,
      podium_asked: record.reason === askedReason ? record.seq : undefined,
      podium_started_at: job.podium_started_at ?? startedAt,
      updated_at: record.timestamp,
      last_event,
    };
  }
  return job;
}

/** The words of the time when nobody knew are true no more. */
function jobFoundOut(job: Job, { result, timestamp }: StoredRecord): Job {
  const status = result as JobStatus;
  const found = { ...job, status, updated_at: timestamp };
  if (status !== "failed") return { ...found, code: undefined, detail: undefined, retry: undefined };
  const detail = "Its outcome was unknown until Podium's status told that nothing of it was executed";
  return { ...found, detail, retry: "safe" };
}
