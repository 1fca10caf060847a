import type { StoredRecord } from "../../src/audit/record.ts";
import { timestampOf } from "../../src/lib/clock.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";

let seq = 0;

/** A stored record of this moment, on a machine whose clock was never set; `fields` says what matters. */
export function recordAt(epochMs: number, fields: Partial<StoredRecord> & Pick<StoredRecord, "event">): StoredRecord {
  const n = ++seq;
  return {
    v: 1,
    seq: n,
    timestamp: timestampOf(epochMs),
    uptime_ms: new FakeClock().monotonic() + epochMs - morning,
    prev_hash: "0".repeat(64),
    hash: n.toString(16).padStart(64, "0"),
    ...fields,
  };
}

/** An intent to run a story, with ids made of its number. */
export function intentAt(epochMs: number, number: number, fields: Partial<StoredRecord> = {}): StoredRecord {
  return recordAt(epochMs, {
    event: "intent",
    audit_id: `AUD-${number}`,
    job_id: `JOB-20260109-${String(number).padStart(3, "0")}`,
    action: "enqueue_story",
    story_id: "STORY-001",
    source: "test",
    auth_mode: "local",
    ...fields,
  });
}

/** What became of it. */
export function outcomeAt(epochMs: number, intent: StoredRecord, result: string, fields: Partial<StoredRecord> = {}) {
  const { audit_id, job_id, action, story_id, plan_id } = intent;
  const ids = { audit_id: audit_id!, job_id: job_id!, action: action! };
  return recordAt(epochMs, {
    event: "outcome",
    ...ids,
    ...(story_id !== undefined && { story_id }),
    ...(plan_id !== undefined && { plan_id }),
    result,
    ...fields,
  });
}
