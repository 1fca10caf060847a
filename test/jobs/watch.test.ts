import { expect, test } from "bun:test";
import type { StoredRecord } from "../../src/audit/record.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { JobWatch } from "../../src/jobs/watch.ts";
import { intentAt, outcomeAt, recordAt } from "../dispatch/records.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";

/** Intents with the numbers that they get as job ids. */
function watchOf(...intents: readonly Partial<StoredRecord>[]) {
  const jobs = new JobStore(new FakeClock());
  const watch = new JobWatch(jobs, new Set(["done", "failed"]));
  const apply = (record: StoredRecord): void => {
    jobs.apply(record);
    watch.apply(record);
  };
  const made = intents.map((fields, i) => intentAt(morning, i + 1, fields));
  const ids = made.map(({ job_id }) => job_id!);
  const told: string[] = [];
  for (const id of ids) watch.listen(id, () => told.push(id));
  const successor = (n: number): string | undefined => watch.successorOf(jobs.get(ids[n]!)!)?.job_id;
  const outcome = (n: number, result: string): void => apply(outcomeAt(morning, made[n]!, result));
  return { jobs, watch, apply, made, ids, told, successor, outcome };
}

test("a story is taken over when Podium has taken a newer dispatch of it, not sooner", () => {
  const { apply, made, ids, told, successor, outcome } = watchOf({}, {}, {});
  apply(made[0]!);
  outcome(0, "queued");
  apply(made[1]!);
  for (const result of ["unknown", "rejected", "failed"]) {
    outcome(1, result);
    expect(successor(0)).toBeUndefined();
  }
  apply(made[2]!);
  told.length = 0;
  outcome(2, "queued");
  expect([successor(0), successor(2)]).toEqual([ids[2], undefined]);
  expect(new Set(told)).toEqual(new Set([ids[0]!, ids[2]!]));
});

test("an answer that comes late takes nothing back from a newer dispatch", () => {
  const { apply, made, ids, successor, outcome } = watchOf({}, {});
  for (const intent of made) apply(intent);
  outcome(1, "queued");
  outcome(0, "queued");
  expect([successor(0), successor(1)]).toEqual([ids[1], undefined]);
});

test("what was in doubt and turns out to have been taken takes over then", () => {
  const { apply, made, ids, successor, outcome } = watchOf({}, {});
  apply(made[0]!);
  outcome(0, "queued");
  apply(made[1]!);
  outcome(1, "unknown");
  const { audit_id, job_id } = made[1]!;
  apply(recordAt(morning, { event: "job", audit_id: audit_id!, job_id: job_id!, result: "queued" }));
  expect(successor(0)).toBe(ids[1]);
});

test("frames are a job's since it was sent, or since its answer where an earlier one was still running", () => {
  const { jobs, watch, apply, made, ids, outcome } = watchOf({}, {}, { story_id: "STORY-002" });
  const since = (n: number): string | undefined => watch.since(jobs.get(ids[n]!)!);
  for (const intent of made) apply(intent);
  expect([since(0), since(1), since(2)]).toEqual([undefined, undefined, undefined]);
  watch.sent(ids[0]!, "sent");
  outcome(0, "queued");
  watch.sent(ids[1]!, "sent too early");
  expect([since(0), since(1)]).toEqual(["sent", undefined]);
  outcome(1, "queued");
  expect(since(1)).toBe(jobs.get(ids[1]!)!.answered_at);
});

test("neither another story nor a cancel takes a story over", () => {
  const { apply, made, successor, outcome } = watchOf({}, { story_id: "STORY-002" }, { action: "cancel_story" });
  for (const [n, intent] of made.entries()) {
    apply(intent);
    outcome(n, "queued");
  }
  expect(made.map((_, n) => successor(n))).toEqual([undefined, undefined, undefined]);
});

test("who listens hears each record of the job, until it leaves", () => {
  const { watch, apply, made, ids, told, outcome } = watchOf({});
  const leave = watch.listen(ids[0]!, () => told.push("second"));
  apply(made[0]!);
  leave();
  leave();
  outcome(0, "queued");
  expect(told).toEqual([ids[0]!, "second", ids[0]!]);
});

test.each([
  [0, 1],
  [1, 0],
])("of two in doubt the later one may run, whichever came into doubt first (%d, then %d)", (first, second) => {
  const { jobs, watch, apply, made, ids, outcome } = watchOf({}, {}, {});
  apply(made[0]!);
  apply(made[1]!);
  outcome(first, "unknown");
  outcome(second, "unknown");
  apply(made[2]!);
  expect(watch.meant(jobs.get(ids[2]!)!)?.job_id).toBe(ids[1]);
});
