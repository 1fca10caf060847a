import type { StoredRecord } from "../audit/record.ts";
import type { Action, JobStatus, Receipt } from "../wire/dispatch.ts";
import { isStartedWord } from "../wire/podium.ts";

/** One dispatch as the audit log tells it. Every field comes from a record; nothing is kept only in memory. */
export interface Job {
  readonly job_id: string;
  readonly audit_id: string;
  readonly action: Action;
  readonly story_id?: string;
  readonly plan_id?: string;
  readonly source: string;
  readonly user_id?: string;
  readonly session_id?: string;
  readonly auth_mode: string;
  /** Our word: what became of the command on its way to Podium. */
  readonly status: JobStatus;
  /** Podium's word for the story, from its telemetry. */
  readonly podium_status?: string;
  /** Podium's answer to the command: JSON text as it came. */
  readonly podium_response?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly retry?: string;
  readonly receipt: Receipt;
  readonly created_at: string;
  readonly updated_at: string;
  /** When the outcome was recorded. */
  readonly answered_at?: string;
  /** When Podium first said that it waits or runs: whatever its words were before, this dispatch was executed. */
  readonly podium_started_at?: string;
  /** When Podium's word last changed. */
  readonly podium_at?: string;
  /** Its last word was asked for, not heard: the place of the record that says so. */
  readonly podium_asked?: number;
  /** The last telemetry frame about it, as it came. */
  readonly last_event?: string;
}

/** Why a record says what became of a dispatch whose outcome was unknown. */
export const reconciledReason = "reconciled";
/** Why a record has a word of Podium's that no frame brought: its status was asked. */
export const askedReason = "asked";
/** Why a record says again what older files have said. */
export const carriedReason = "carried over";

/** A job as its intent record makes it. */
export function jobOfIntent(record: StoredRecord): Job {
  const { story_id, plan_id, user_id, session_id, detail } = record;
  return {
    job_id: record.job_id!,
    audit_id: record.audit_id!,
    action: record.action as Action,
    ...(story_id !== undefined && { story_id }),
    ...(plan_id !== undefined && { plan_id }),
    source: record.source ?? "",
    ...(user_id !== undefined && { user_id }),
    ...(session_id !== undefined && { session_id }),
    auth_mode: record.auth_mode ?? "local",
    status: "pending",
    ...(detail !== undefined && { detail }),
    receipt: { seq: record.seq, hash: record.hash },
    created_at: record.timestamp,
    updated_at: record.timestamp,
  };
}

/** The job after one more record about it. */
export function jobAfter(job: Job, record: StoredRecord): Job {
  const { code, detail, retry, podium_response, podium_status } = record;
  if (record.event === "outcome" || record.event === "unknown") {
    return {
      ...job,
      status: (record.result as JobStatus | undefined) ?? "unknown",
      ...(podium_response !== undefined && { podium_response }),
      ...(code !== undefined && { code }),
      ...(detail !== undefined && { detail }),
      ...(retry !== undefined && { retry }),
      updated_at: record.timestamp,
      answered_at: record.timestamp,
    };
  }
  if (record.reason === carriedReason) return job;
  if (record.event === "job" && record.result !== undefined) {
    return { ...job, status: record.result as JobStatus, updated_at: record.timestamp };
  }
  // Of a plan's job, one story's word is news, and not the plan's own word.
  if (record.event === "job" && record.story_id !== undefined && job.story_id === undefined) {
    return { ...job, updated_at: record.timestamp, ...(detail !== undefined && { last_event: detail }) };
  }
  if (record.event === "job" && podium_status !== undefined) {
    const { podium_asked: _before, ...known } = job;
    return {
      ...known,
      podium_status,
      podium_at: record.timestamp,
      ...(record.reason === askedReason && { podium_asked: record.seq }),
      ...(isStartedWord(podium_status) && { podium_started_at: job.podium_started_at ?? record.timestamp }),
      updated_at: record.timestamp,
      ...(detail !== undefined && { last_event: detail }),
    };
  }
  return job;
}
