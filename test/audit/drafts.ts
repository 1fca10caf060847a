import type { Draft } from "../../src/audit/record.ts";
import { ulid } from "../../src/lib/ids.ts";

/** Drafts as the pipeline makes them; numbered, so that a run can be told from its records. */

export function auditIdOf(number: number): string {
  return `AUD-${ulid(Date.parse("2026-01-09T08:00:00Z")).slice(0, 10)}${String(number).padStart(16, "0")}`;
}

export function intentDraft(number: number): Draft {
  return {
    event: "intent",
    audit_id: auditIdOf(number),
    job_id: `JOB-20260109-${String(number).padStart(3, "0")}`,
    action: "enqueue_story",
    story_id: `STORY-${number}`,
    source: "command-center",
    user_id: "mark",
    auth_mode: "local",
    podium_request: `{"type":"ENQUEUE_STORY","storyId":"STORY-${number}"}`,
  };
}

export function outcomeDraft(number: number): Draft {
  return {
    event: "outcome",
    audit_id: auditIdOf(number),
    action: "enqueue_story",
    story_id: `STORY-${number}`,
    source: "command-center",
    user_id: "mark",
    result: "queued",
    http_status: 200,
    podium_response: '{"success":true,"queued":1.5}',
    duration_ms: 12,
  };
}
