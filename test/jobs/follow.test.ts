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
  const records: StoredRecord[] = [];
  const apply = (record: StoredRecord): void => {
    records.push(record);
    jobs.apply(record);
    watch.apply(record);
  };
  const send = (record: StoredRecord): void => {
    apply(record);
    watch.sent(record.job_id!, record.timestamp);
  };
  for (const [i, subject] of subjects.entries()) {
    send(intentAt(morning, i + 1, subject.startsWith("PLAN") ? planCalled(subject) : { story_id: subject }));
  }
  const written: Draft[] = [];
  /** Drafts that are not durable yet, while they are held back. */
  let held: Draft[] | undefined;
  const store = (draft: Draft): void => apply(recordAt(morning, draft as Parameters<typeof recordAt>[1]));
  const hold = (): void => void (held = []);
  const release = (): void => {
    for (const draft of held ?? []) store(draft);
    held = undefined;
  };
  const take = followTelemetry({
    watch,
    terminalStatuses,
    redact: (text) => text.replaceAll("s3cret", "[token]"),
    append: (draft) => {
      written.push(draft);
      if (held) held.push(draft);
      else store(draft);
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
  return { written, say, jobs, watch, apply, send, hold, release, records };
}

const planCalled = (planId: string) =>
  ({ action: "enqueue_plan", story_id: undefined, plan_id: planId }) as unknown as Partial<StoredRecord>;

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
  say("STORY-1", "s3cret", "{}");
  expect(written.map(({ detail }) => detail)).toEqual(['{"url":"/ws?token=[token]"}', "{}"]);
  expect(written.map(({ podium_status }) => podium_status)).toEqual(["queued", "[token]"]);
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

test("a story that was named as the plan's stays the plan's, also where a frame does not say so, and over a restart", () => {
  const { written, say, apply, hold, release, records } = follow("PLAN-1");
  apply(outcomeAt(morning, records[0]!, "queued"));
  // The next frame comes before this one's record is durable.
  hold();
  say("A", "queued", "{}", "PLAN-1");
  say("A", "in_progress");
  say("Z", "done");
  release();
  const again = follow();
  for (const record of records) again.apply(record);
  again.say("A", "done");
  again.say("A", "queued");
  const job = "JOB-20260109-001";
  expect(words([...written, ...again.written])).toEqual([
    [job, "A", "queued"],
    [job, "A", "in_progress"],
    [job, "A", "done"],
  ]);
});

test("a plan's story that is dispatched by itself has both runs on record until the plan's has ended, and then its own", () => {
  const { written, say, send, apply } = follow("PLAN-1");
  say("A", "queued", "{}", "PLAN-1");
  const own = intentAt(morning, 2, { story_id: "A" });
  send(own);
  apply(outcomeAt(morning, own, "queued"));
  for (const word of ["in_progress", "done"]) say("A", word);
  const next = intentAt(morning, 3, { story_id: "A" });
  send(next);
  apply(outcomeAt(morning, next, "queued"));
  say("A", "queued");
  const [plan, second, third] = [1, 2, 3].map((n) => `JOB-20260109-00${n}`);
  expect(words(written)).toEqual([
    [plan, "A", "queued"],
    [second, "A", "in_progress"],
    [plan, "A", "in_progress"],
    [second, "A", "done"],
    [plan, "A", "done"],
    [third, "A", "queued"],
  ]);
});

test("a story that an earlier dispatch of its plan was named with is not the next one's before a frame says so", () => {
  const { written, say, send, apply } = follow("PLAN-1");
  say("A", "queued", "{}", "PLAN-1");
  const next = intentAt(morning, 2, planCalled("PLAN-1"));
  send(next);
  apply(outcomeAt(morning, next, "queued"));
  say("A", "in_progress");
  expect(written).toHaveLength(1);
  say("A", "in_progress", "{}", "PLAN-1");
  say("A", "done");
  expect(words(written).slice(1)).toEqual([
    [next.job_id, "A", "in_progress"],
    [next.job_id, "A", "done"],
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
  ["plan", planCalled("PLAN-1")],
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
