import { expect, test } from "bun:test";
import type { Draft } from "../../src/audit/record.ts";
import { CarryOver } from "../../src/jobs/carry-over.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { intentAt, outcomeAt, recordAt } from "../dispatch/records.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";

const day = 86_400_000;
const newFile = (days: number) => recordAt(morning + days * day, { event: "checkpoint", reason: "new file" });

function carried(firstDay: string, days: readonly number[]): Draft[] {
  const jobs = new JobStore(new FakeClock());
  for (const [i, date] of ["20260109", "20260110"].entries()) {
    const intent = intentAt(morning, i, { story_id: `STORY-${i}`, job_id: `JOB-${date}-001` });
    jobs.apply(intent);
    jobs.apply(outcomeAt(morning, intent, "unknown"));
  }
  const written: Draft[] = [];
  const carryOver = new CarryOver(jobs);
  carryOver.begin({ append: (draft) => Promise.resolve(written.push(draft)), firstDay: () => firstDay });
  for (const offset of days) carryOver.see(newFile(offset));
  return written;
}

test("each new file names what nobody has found out, and an id whose day is still to come", () => {
  expect(carried("2026-01-01", [0]).map(({ job_id, result }) => [job_id, result])).toEqual([
    ["JOB-20260109-001", "unknown"],
    ["JOB-20260110-001", "unknown"],
    ["JOB-20260110-001", undefined],
  ]);
  expect(carried("2026-01-01", [1, 2])).toHaveLength(4);
});

test("a doubt is carried no longer than the log holds its intent", () => {
  expect(carried("2026-01-10", [2]).map(({ job_id }) => job_id)).toEqual(["JOB-20260110-001"]);
});

test("records that begin no file carry nothing", () => {
  const jobs = new JobStore(new FakeClock());
  const carryOver = new CarryOver(jobs);
  const append = (): never => {
    throw new Error("nothing was to be said");
  };
  carryOver.begin({ append, firstDay: () => undefined });
  for (let i = 0; i < 3; i++) carryOver.see(intentAt(morning, i));
});

test("a file that was begun and said nothing before a crash says it once the next start is through", () => {
  const jobs = new JobStore(new FakeClock());
  const intent = intentAt(morning, 1);
  for (const record of [intent, outcomeAt(morning, intent, "unknown")]) jobs.apply(record);
  const carryOver = new CarryOver(jobs);
  carryOver.see(newFile(1));
  const written: Draft[] = [];
  carryOver.begin({ append: (draft) => Promise.resolve(written.push(draft)), firstDay: () => undefined });
  expect(written.map(({ job_id, result }) => [job_id, result])).toEqual([["JOB-20260109-001", "unknown"]]);
});
