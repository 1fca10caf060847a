import { expect, test } from "bun:test";
import fc from "fast-check";
import type { StoredRecord } from "../../src/audit/record.ts";
import { carriedReason, reconciledReason } from "../../src/jobs/job.ts";
import { JobStore, jobsMax } from "../../src/jobs/store.ts";
import { dayOf } from "../../src/lib/clock.ts";
import { jobIdOf, parseJobId } from "../../src/lib/ids.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { intentAt, outcomeAt, recordAt } from "../dispatch/records.ts";

const day = 86_400_000;

/** A doubt as a later file says it again. */
function carriedAt(epochMs: number, number: number) {
  const { audit_id, job_id, action, story_id } = intentAt(epochMs, number, { story_id: `STORY-${number}` });
  return recordAt(epochMs, {
    event: "job",
    audit_id: audit_id!,
    job_id: job_id!,
    action: action!,
    story_id: story_id!,
    result: "unknown",
    reason: carriedReason,
  });
}

function storeWith(...records: StoredRecord[]): JobStore {
  const store = new JobStore(new FakeClock());
  for (const record of records) store.apply(record);
  return store;
}

test("telemetry that is quicker than the answer is not forgotten by it", () => {
  const intent = intentAt(morning, 1);
  const ids = { audit_id: "AUD-1", job_id: "JOB-20260109-001" };
  const done = recordAt(morning + 100, { event: "job", ...ids, podium_status: "done" });
  const outcome = outcomeAt(morning + 200, intent, "queued");
  expect(storeWith(intent, done, outcome).get(ids.job_id)).toMatchObject({ status: "queued", podium_status: "done" });
});

test("a job is what its records say, and keeps Podium's answer as it came", () => {
  const intent = intentAt(morning, 1, { user_id: "mark", session_id: "xxx" });
  const outcome = outcomeAt(morning + 700, intent, "queued", { podium_response: '{"n":1.0}' });
  const started = recordAt(morning + 900, {
    event: "job",
    audit_id: "AUD-1",
    job_id: "JOB-20260109-001",
    podium_status: "in_progress",
    detail: '{"type":"STORY_STATUS"}',
  });
  expect(storeWith(intent).get("JOB-20260109-001")).toMatchObject({ status: "pending", user_id: "mark" });
  expect(storeWith(intent, outcome, started).get("JOB-20260109-001")).toEqual({
    job_id: "JOB-20260109-001",
    audit_id: "AUD-1",
    action: "enqueue_story",
    story_id: "STORY-001",
    source: "test",
    user_id: "mark",
    session_id: "xxx",
    auth_mode: "local",
    status: "queued",
    podium_status: "in_progress",
    podium_response: '{"n":1.0}',
    last_event: '{"type":"STORY_STATUS"}',
    receipt: { seq: intent.seq, hash: intent.hash },
    created_at: "2026-01-09T08:00:00.000Z",
    updated_at: "2026-01-09T08:00:00.900Z",
    answered_at: "2026-01-09T08:00:00.700Z",
    podium_at: "2026-01-09T08:00:00.900Z",
    podium_started_at: "2026-01-09T08:00:00.900Z",
  });
});

test("records without an intent, or about nothing, make no job", () => {
  const stray = outcomeAt(morning, intentAt(morning, 1), "queued");
  const store = storeWith(stray, recordAt(morning, { event: "open" }));
  expect(store.get("JOB-20260109-001")).toBeUndefined();
  expect(store.withoutOutcome()).toEqual([]);
});

test("what has no outcome is known, in order", () => {
  const intents = [1, 2, 3].map((number) => intentAt(morning, number, { story_id: `STORY-${number}` }));
  const store = storeWith(...intents, outcomeAt(morning, intents[1]!, "queued"));
  expect(store.withoutOutcome().map(({ audit_id }) => audit_id)).toEqual(["AUD-1", "AUD-3"]);
});

test("an unknown outcome stands in the way of its story until it is found out", () => {
  const intent = intentAt(morning, 1);
  const unknown = outcomeAt(morning, intent, "unknown");
  const found = (result: string) =>
    recordAt(morning + 1, { event: "job", audit_id: "AUD-1", job_id: "JOB-20260109-001", result });
  const subject = "story STORY-001";
  expect(storeWith(intent).unsettledOf(subject)).toBeUndefined();
  expect(storeWith(intent, unknown).unsettledOf(subject)?.job_id).toBe("JOB-20260109-001");
  expect(storeWith(intent, unknown, found("failed")).unsettledOf(subject)).toBeUndefined();
  expect(storeWith(intent, unknown, found("queued")).unsettledOf(subject)).toBeUndefined();
  expect(storeWith(intent, unknown, found("failed")).get("JOB-20260109-001")?.status).toBe("failed");
});

test("a later refusal of the story does not settle the earlier unknown outcome", () => {
  const first = intentAt(morning, 1);
  const second = intentAt(morning + 1, 2);
  const store = storeWith(
    first,
    outcomeAt(morning, first, "unknown"),
    second,
    outcomeAt(morning + 2, second, "rejected"),
  );
  expect(store.unsettledOf("story STORY-001")?.job_id).toBe("JOB-20260109-001");
});

test("ids go on after a restart, never twice, whatever the clock does in between", () => {
  const steps = fc.array(fc.record({ stepMs: fc.integer({ min: -3 * day, max: 3 * day }), restart: fc.boolean() }), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(steps, (schedule) => {
      let now = morning;
      const written: StoredRecord[] = [];
      let store = storeWith();
      const ids: string[] = [];
      for (const { stepMs, restart } of schedule) {
        now += stepMs;
        if (restart) store = storeWith(...written);
        const counting = store.countingDay(dayOf(now));
        const id = jobIdOf(counting, store.nextNumber(counting));
        ids.push(id);
        // Every other intent fails to reach the disk: a gap, not a second use.
        if (ids.length % 2 === 0) continue;
        const record = intentAt(now, ids.length, { job_id: id });
        written.push(record);
        store.apply(record);
      }
      const durable = written.map(({ job_id }) => job_id!);
      expect(new Set(durable).size).toBe(durable.length);
      const parsed = durable.map((id) => parseJobId(id)!);
      for (let i = 1; i < parsed.length; i++) {
        const [before, after] = [parsed[i - 1]!, parsed[i]!];
        expect(before.day < after.day || (before.day === after.day && before.number < after.number)).toBe(true);
      }
    }),
  );
});

test("numbers count from one each day, widen past 999, and two calls never give the same", () => {
  const store = storeWith(intentAt(morning, 1, { job_id: "JOB-20260109-999" }));
  expect([store.nextNumber("2026-01-09"), store.nextNumber("2026-01-09")]).toEqual([1000, 1001]);
  expect([store.nextNumber("2026-01-10"), store.nextNumber("2026-01-10")]).toEqual([1, 2]);
});

test("after the clock was set back, ids go on under the later day", () => {
  const store = storeWith(intentAt(morning, 7));
  expect(store.countingDay("2026-01-08")).toBe("2026-01-09");
  expect(store.nextNumber(store.countingDay("2026-01-08"))).toBe(8);
});

test("memory holds a bound of jobs, the newest, and says which days it holds whole", () => {
  const store = storeWith(recordAt(morning, { event: "genesis", seq: 0 }));
  for (let i = 0; i <= jobsMax; i++) store.apply(intentAt(morning + i, i, { story_id: `STORY-${i}` }));
  expect(store.get("JOB-20260109-000")).toBeUndefined();
  expect(store.ofStory("STORY-0")).toBeUndefined();
  expect(store.get("JOB-20260109-001")?.story_id).toBe("STORY-1");
  expect(store.ofDay("2026-01-09")).toHaveLength(jobsMax);
  expect(store.ofDay("2026-01-09")[0]?.job_id).toBe(`JOB-20260109-${jobsMax}`);
  expect([store.holdsDay("2026-01-09"), store.holdsDay("2026-01-10")]).toEqual([false, true]);
});

test("a replay that begins in the middle of a day holds only the days after it", () => {
  const store = storeWith(recordAt(morning, { event: "open", seq: 17 }), intentAt(morning, 1));
  expect([store.holdsDay("2026-01-09"), store.holdsDay("2026-01-10")]).toEqual([false, true]);
  const whole = storeWith(recordAt(morning, { event: "genesis", seq: 0 }), intentAt(morning, 1));
  expect(whole.holdsDay("2026-01-09")).toBe(true);
});

// Forgetting an old job of a story also forgets that a much younger dispatch of the same story is unknown: the next one
// is then sent without asking Podium. Only the forgotten job's own doubt may go with it.
test("a flood of other jobs does not make a doubt forgotten", () => {
  const doubtful = intentAt(morning, 1);
  const store = storeWith(doubtful, outcomeAt(morning + 1, doubtful, "unknown"));
  for (let i = 2; i <= jobsMax + 2; i++) store.apply(intentAt(morning + i, i, { story_id: `STORY-${i}` }));
  expect(store.get("JOB-20260109-001")).toBeUndefined();
  expect(store.unsettledOf("story STORY-001")?.status).toBe("unknown");
});

test("a refused dispatch leaves a story's words to the one before, in whatever order several are refused", () => {
  const intents = [1, 2, 3].map((number) => intentAt(morning + number, number, { story_id: "STORY-1" }));
  const [first, second, third] = intents as [StoredRecord, StoredRecord, StoredRecord];
  for (const order of [
    [second, third],
    [third, second],
  ]) {
    const store = storeWith(...intents, outcomeAt(morning + 4, first, "queued"));
    expect(store.ofStory("STORY-1")?.job_id).toBe(third.job_id);
    for (const intent of order) store.apply(outcomeAt(morning + 5, intent, "rejected"));
    expect(store.ofStory("STORY-1")?.job_id).toBe(first.job_id);
  }
});

test("a dispatch that was found out not to have been executed leaves a story's words to the one before", () => {
  const [first, second] = [1, 2].map((number) => intentAt(morning + number, number, { story_id: "STORY-1" }));
  const store = storeWith(first!, outcomeAt(morning + 3, first!, "queued"), second!);
  store.apply(outcomeAt(morning + 4, second!, "unknown"));
  expect(store.ofStory("STORY-1")?.job_id).toBe(second!.job_id);
  store.apply({ ...outcomeAt(morning + 5, second!, "failed"), event: "job", reason: reconciledReason });
  expect(store.ofStory("STORY-1")?.job_id).toBe(first!.job_id);
});

test("a story of which Podium has taken no dispatch has none, be it a refused cancel that came first", () => {
  const cancel = intentAt(morning, 1, { action: "cancel_story" });
  const enqueue = intentAt(morning + 1, 2);
  const store = storeWith(cancel, enqueue, outcomeAt(morning + 2, enqueue, "failed"));
  expect(store.ofStory("STORY-001")?.job_id).toBe(cancel.job_id);
  store.apply(outcomeAt(morning + 3, cancel, "rejected"));
  expect(store.ofStory("STORY-001")).toBeUndefined();
});

test("forgetting an old job does not settle a younger one of the same story", () => {
  const store = storeWith(intentAt(morning, 0));
  const young = intentAt(morning + 1, 1);
  store.apply(young);
  store.apply(outcomeAt(morning + 2, young, "unknown"));
  for (let i = 2; i <= jobsMax; i++) store.apply(intentAt(morning + i, i, { story_id: `STORY-${i}` }));
  expect(store.get("JOB-20260109-000")).toBeUndefined();
  expect(store.unsettledOf("story STORY-001")?.job_id).toBe("JOB-20260109-001");
});

test("a doubt whose intent lies in older files stands in the way of its story until it is found out", () => {
  const carried = carriedAt(morning + day, 1);
  const store = storeWith(carried, carried);
  const doubt = store.unsettledOf("story STORY-1")!;
  expect(doubt).toMatchObject({ job_id: "JOB-20260109-001", audit_id: "AUD-1", status: "unknown" });
  expect(store.unknownSince(doubt)).toBe(carried.uptime_ms!);
  expect(store.get("JOB-20260109-001")).toBeUndefined();
  const { reason: _, ...ids } = carried;
  store.apply({ ...ids, result: "failed" });
  expect(store.doubts()).toEqual([]);
});

test("what a file says again changes nothing that is known better", () => {
  const intent = intentAt(morning, 1, { story_id: "STORY-1" });
  const store = storeWith(intent, outcomeAt(morning + 1, intent, "unknown"));
  const before = store.get(intent.job_id!)!;
  store.apply(carriedAt(morning + day, 1));
  expect(store.get(intent.job_id!)).toBe(before);
  expect(store.unknownSince(before)).toBe(intent.uptime_ms! + 1);
});

test("a doubt that was found out while it was being said again stays found out", () => {
  const intent = intentAt(morning, 1, { story_id: "STORY-1" });
  const store = storeWith(intent, outcomeAt(morning + 1, intent, "unknown"));
  store.apply(recordAt(morning + 2, { ...outcomeAt(morning + 2, intent, "queued"), event: "job" }));
  store.apply(carriedAt(morning + 2, 1));
  expect(store.doubts()).toEqual([]);
  expect(store.get(intent.job_id!)?.status).toBe("queued");
});

test.each([
  ["queued", undefined, undefined],
  ["failed", "safe", "Its outcome was unknown until Podium's status told that nothing of it was executed"],
] as const)("a job that was found out to be %s does not go on saying that nobody knows", (result, retry, detail) => {
  const intent = intentAt(morning, 1);
  const doubt = { code: "podium_timeout", detail: "It may have been executed", retry: "same-key" };
  const store = storeWith(intent, { ...outcomeAt(morning + 1, intent, "unknown"), ...doubt });
  expect(store.get(intent.job_id!)).toMatchObject(doubt);
  store.apply({ ...outcomeAt(morning + 2, intent, result), event: "job", reason: reconciledReason });
  const { status, ...job } = store.get(intent.job_id!)!;
  expect([status, job.retry, job.detail]).toEqual([result, retry, detail]);
  expect(job.code).toBe(result === "failed" ? "podium_timeout" : undefined);
});

test("past the bound the oldest doubt is forgotten, and none that is forgotten counts as older than it was", () => {
  const store = new JobStore(new FakeClock(), { jobsMax: 10, charsMax: 1_000_000, doubtsMax: 2 });
  const doubts = [1, 2, 3].map((number) => {
    const intent = intentAt(morning + number, number, { story_id: `STORY-${number}` });
    store.apply(intent);
    store.apply(outcomeAt(morning + 10 * number, intent, "unknown"));
    return store.get(intent.job_id!)!;
  });
  expect(store.doubts().map(({ story_id }) => story_id)).toEqual(["STORY-2", "STORY-3"]);
  expect(doubts.map((doubt) => store.unknownSince(doubt) - store.unknownSince(doubts[0]!))).toEqual([0, 10, 20]);
  expect(store.unknownSince(doubts[0]!)).toBe(1_000_010);
});
