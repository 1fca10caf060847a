import { expect, test } from "bun:test";
import type { Draft } from "../../src/audit/record.ts";
import { followTelemetry } from "../../src/jobs/follow.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { JobWatch, planStoriesMax } from "../../src/jobs/watch.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { intentAt, outcomeAt, recordAt } from "../dispatch/records.ts";

/** @param subjects stories, or plans where they are called so; each is dispatched and taken */
function follow(...subjects: readonly string[]) {
  const jobs = new JobStore(new FakeClock());
  const watch = new JobWatch(jobs);
  const apply = (record: Parameters<JobStore["apply"]>[0]): void => {
    jobs.apply(record);
    watch.apply(record);
  };
  for (const [i, subject] of subjects.entries()) {
    const plan = { action: "enqueue_plan", story_id: undefined, plan_id: subject } as unknown as { plan_id: string };
    apply(intentAt(morning, i + 1, subject.startsWith("PLAN") ? plan : { story_id: subject }));
  }
  const written: Draft[] = [];
  const take = followTelemetry({
    jobs,
    watch,
    terminalStatuses: new Set(["done", "failed", "cancelled"]),
    append: (draft) => {
      written.push(draft);
      apply(recordAt(morning, draft as Parameters<typeof recordAt>[1]));
      return Promise.resolve();
    },
  });
  const say = (
    storyId: string | undefined,
    status: string | undefined,
    text = `{"is":"${status}"}`,
    planId?: string,
  ): void =>
    take({
      seq: 1,
      at: "",
      type: "STORY_STATUS",
      text,
      ...(storyId !== undefined && { storyId }),
      ...(planId !== undefined && { planId }),
      ...(status !== undefined && { status }),
    });
  return { written, say, jobs, watch, apply };
}

test("each change of Podium's word is recorded once, under the newest job of the story", () => {
  const { written, say } = follow("STORY-1", "STORY-2", "STORY-1");
  for (const word of ["queued", "queued", "in_progress", "in_progress", "done"]) say("STORY-1", word);
  expect(written.map(({ job_id, podium_status, detail }) => [job_id, podium_status, detail])).toEqual([
    ["JOB-20260109-003", "queued", '{"is":"queued"}'],
    ["JOB-20260109-003", "in_progress", '{"is":"in_progress"}'],
    ["JOB-20260109-003", "done", '{"is":"done"}'],
  ]);
});

test("frames about no story, without a status, or about a story nobody dispatched are not recorded", () => {
  const { written, say } = follow("STORY-1");
  say(undefined, "done");
  say("STORY-1", undefined);
  say("STORY-9", "done");
  expect(written).toEqual([]);
});

test("a Podium that flaps can't fill the disk", () => {
  const { written, say } = follow("STORY-1");
  for (let i = 0; i < 1000; i++) say("STORY-1", i % 2 === 0 ? "queued" : "in_progress");
  expect(written).toHaveLength(64);
});

test("what the log could not take is cut out or made text: a long frame, a lone surrogate", () => {
  const { written, say } = follow("STORY-1");
  say("STORY-1", "queued", "x".repeat(4097));
  say("STORY-1", "in_progress", '{"x":"\ud800"}');
  say("STORY-1", "\ud800");
  expect(written.map(({ detail }) => detail?.isWellFormed())).toEqual([undefined, undefined, undefined]);
  expect(written[2]?.podium_status).toBe("\ufffd");
});

const words = (written: readonly Draft[]) => written.map((d) => [d.job_id, d.story_id, d.podium_status]);

test("the words about a plan's stories are recorded under the plan's job, and are not the plan's own", () => {
  const { written, say, jobs, watch } = follow("PLAN-1");
  for (const word of ["queued", "queued", "done", "queued"]) say("A", word, `{"is":"A ${word}"}`, "PLAN-1");
  say("B", "queued", '{"is":"B"}', "PLAN-1");
  say("C", "queued", '{"is":"C"}', "PLAN-2");
  const job = "JOB-20260109-001";
  expect(words(written)).toEqual([
    [job, "A", "queued"],
    [job, "A", "done"],
    [job, "B", "queued"],
  ]);
  expect(jobs.get(job)).toMatchObject({ last_event: '{"is":"B"}' });
  expect(jobs.get(job)!.podium_status).toBeUndefined();
  expect([...watch.planFrames(job)].map(([story, { word, text }]) => [story, word, text])).toEqual([
    ["A", "done", '{"is":"A done"}'],
    ["B", "queued", '{"is":"B"}'],
  ]);
  say(undefined, "done", "{}", "PLAN-1");
  expect(jobs.get(job)!.podium_status).toBe("done");
});

test("a frame about a story of a plan is recorded under both jobs", () => {
  const { written, say } = follow("PLAN-1", "STORY-1");
  say("STORY-1", "queued", "{}", "PLAN-1");
  expect(words(written)).toEqual([
    ["JOB-20260109-002", "STORY-1", "queued"],
    ["JOB-20260109-001", "STORY-1", "queued"],
  ]);
});

test("a plan whose stories have no end is followed up to a bound", () => {
  const { written, say } = follow("PLAN-1");
  for (let i = 0; i < 2 * planStoriesMax; i++) say(`S-${i}`, "queued", "{}", "PLAN-1");
  expect(written).toHaveLength(planStoriesMax);
});

test("a plan's words go to its newest job, but to none that Podium refused", () => {
  const { written, say, apply } = follow("PLAN-1", "PLAN-1");
  say("A", "queued", "{}", "PLAN-1");
  expect(words(written)).toEqual([["JOB-20260109-002", "A", "queued"]]);
  const [first, second] = [1, 2].map((n) => intentAt(morning, n, { action: "enqueue_plan", plan_id: "PLAN-1" }));
  apply(outcomeAt(morning, first!, "queued"));
  apply(outcomeAt(morning, second!, "rejected"));
  say("B", "queued", "{}", "PLAN-1");
  expect(words(written)[1]).toEqual(["JOB-20260109-001", "B", "queued"]);
});
