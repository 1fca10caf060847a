import { describe, expect, test } from "bun:test";
import type { Draft } from "../../src/audit/record.ts";
import type { StoredRecord } from "../../src/audit/record.ts";
import { followTelemetry } from "../../src/jobs/follow.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { JobWatch, planStoriesMax } from "../../src/jobs/watch.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { intentAt, outcomeAt, recordAt } from "../dispatch/records.ts";

/** @param subjects stories, or plans where they are called so; each is dispatched, sent and not answered yet */
function follow(...subjects: readonly string[]) {
  const jobs = new JobStore(new FakeClock());
  const terminalStatuses = new Set(["done", "failed", "cancelled"]);
  const watch = new JobWatch(jobs, terminalStatuses);
  const apply = (record: StoredRecord): void => {
    jobs.apply(record);
    watch.apply(record);
  };
  const send = (record: StoredRecord): void => {
    apply(record);
    watch.sent(record.job_id!, record.timestamp);
  };
  for (const [i, subject] of subjects.entries()) {
    const plan = { action: "enqueue_plan", story_id: undefined, plan_id: subject } as unknown as { plan_id: string };
    send(intentAt(morning, i + 1, subject.startsWith("PLAN") ? plan : { story_id: subject }));
  }
  const written: Draft[] = [];
  const take = followTelemetry({
    watch,
    terminalStatuses,
    redact: (text) => text.replaceAll("s3cret", "[token]"),
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
  return { written, say, jobs, watch, apply, send };
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

test("what is secret in a frame is not recorded", () => {
  const { written, say } = follow("STORY-1");
  say("STORY-1", "queued", '{"url":"/ws?token=s3cret"}');
  expect(written.map(({ detail }) => detail)).toEqual(['{"url":"/ws?token=[token]"}']);
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

/** A job that Podium has taken and runs, and a second wish for the same that has just been recorded. */
function askedAgain(subject: string, fields: Partial<StoredRecord>) {
  const followed = follow();
  const [first, second] = [1, 2].map((n) => intentAt(morning, n, fields));
  followed.send(first!);
  followed.apply(outcomeAt(morning, first!, "queued"));
  const say = (word: string): void =>
    subject === "story" ? followed.say("STORY-1", word) : followed.say(undefined, word, "{}", "PLAN-1");
  say("in_progress");
  followed.apply(second!);
  const sendSecond = (): void => followed.watch.sent(second!.job_id!, second!.timestamp);
  const answerSecond = (): void => followed.apply(outcomeAt(morning, second!, "queued"));
  const told = () => followed.written.map(({ job_id, podium_status }) => [job_id, podium_status]).slice(1);
  return { ...followed, say, told, sendSecond, answerSecond, first: first!.job_id!, second: second!.job_id! };
}

describe.each([
  ["story", { story_id: "STORY-1" }],
  ["plan", { action: "enqueue_plan", plan_id: "PLAN-1", story_id: undefined } as unknown as Partial<StoredRecord>],
])("a %s that is asked for again while it runs", (subject, fields) => {
  test("has its last word under the dispatch that ran, whether or not the next has been sent", () => {
    for (const sends of [false, true]) {
      const { say, told, sendSecond, first, jobs, second } = askedAgain(subject, fields);
      if (sends) sendSecond();
      say("failed");
      expect(told()).toEqual([[first, "failed"]]);
      expect([jobs.get(first)!.podium_status, jobs.get(second)!.podium_status]).toEqual(["failed", undefined]);
    }
  });

  test("says nothing about the next dispatch before that has been sent", () => {
    const { say, told, sendSecond, first, second } = askedAgain(subject, fields);
    for (const word of ["done", "queued"]) say(word);
    sendSecond();
    say("in_progress");
    expect(told()).toEqual([
      [first, "done"],
      [second, "in_progress"],
    ]);
  });

  test("is the next dispatch's from its answer on", () => {
    const { say, told, sendSecond, answerSecond, second } = askedAgain(subject, fields);
    sendSecond();
    answerSecond();
    say("queued");
    expect(told()).toEqual([[second, "queued"]]);
  });
});

test("a word about a story whose only dispatch has not been sent is nobody's", () => {
  const { apply, say, written } = follow();
  apply(intentAt(morning, 1, { story_id: "STORY-1" }));
  say("STORY-1", "failed");
  expect(written).toEqual([]);
});

test("a word about a story whose only dispatch Podium refused is nobody's", () => {
  const { apply, say, written } = follow("STORY-1");
  apply(outcomeAt(morning, intentAt(morning, 1, { story_id: "STORY-1" }), "rejected"));
  say("STORY-1", "queued");
  expect(written).toEqual([]);
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
