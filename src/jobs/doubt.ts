import type { StoredRecord } from "../audit/record.ts";
import type { Action } from "../wire/dispatch.ts";
import type { Job } from "./job.ts";

/** What must be known of a dispatch to find out what became of it. */
export type Doubt = Pick<
  Job,
  "job_id" | "audit_id" | "action" | "story_id" | "plan_id" | "status" | "podium_started_at"
>;

/** No more of the job than that: its answer may be long. */
export function doubtOf({ job_id, audit_id, action, story_id, plan_id, status, podium_started_at }: Job): Doubt {
  return { job_id, audit_id, action, story_id, plan_id, status, podium_started_at };
}

/** A doubt of which only this record is known. */
export function doubtIn({ job_id, audit_id, action, story_id, plan_id }: StoredRecord): Doubt {
  return { job_id: job_id!, audit_id: audit_id!, action: action as Action, story_id, plan_id, status: "unknown" };
}
