import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import type { Draft, StoredRecord } from "../../src/audit/record.ts";
import { followTelemetry } from "../../src/jobs/follow.ts";
import { PlanEnds } from "../../src/jobs/plan-ends.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { asksMax, firstWaitMs } from "../../src/jobs/unheard.ts";
import { JobWatch } from "../../src/jobs/watch.ts";
import { intentAt, outcomeAt, recordAt } from "../dispatch/records.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const enqueuePlan = { action: "enqueue_plan", story_id: undefined } as unknown as Partial<StoredRecord>;

/** Plans that Podium has taken; its status is what `answers` say in turn, and the last of them from then on. */
function scene(...answers: readonly (object | undefined)[]) {
  const jobs = new JobStore(new FakeClock());
  const terminalStatuses = new Set(["done", "failed"]);
  const watch = new JobWatch(jobs, terminalStatuses);
  const apply = (record: StoredRecord): void => {
    jobs.apply(record);
    watch.apply(record);
  };
  const written: Draft[] = [];
  const append = (draft: Draft): Promise<unknown> => {
    written.push(draft);
    apply(recordAt(morning, draft as Parameters<typeof recordAt>[1]));
    return Promise.resolve();
  };
  let asked = 0;
  const desk = { isAsking: false, flushed: true };
  const planEnds = new PlanEnds({
    jobs,
    watch,
    terminalStatuses,
    append,
    podiumStatus() {
      const answer = answers[Math.min(++asked, answers.length) - 1];
      return Promise.resolve(answer && JSON.stringify(answer));
    },
    flushed: () => Promise.resolve(desk.flushed),
    unheard: { isAsking: () => desk.isAsking },
  });
  const follow = followTelemetry({ watch, append, redact: String, terminalStatuses });
  let number = 0;
  const sent = (plan: string) => {
    const intent = intentAt(morning, ++number, { ...enqueuePlan, plan_id: plan });
    apply(intent);
    watch.sent(intent.job_id!, intent.timestamp);
    return { id: intent.job_id!, answer: (result: string) => apply(outcomeAt(morning, intent, result)) };
  };
  const taken = (plan: string): string => {
    const { id, answer } = sent(plan);
    answer("queued");
    return id;
  };
  const hear = (storyId: string | undefined, status: string, planId: string | null = "PLAN"): void => {
    const ids = { ...(storyId && { storyId }), ...(planId && { planId }) };
    const event = { seq: 1, at: "", type: "STORY_STATUS", text: "{}", status, ...ids };
    follow(event);
    planEnds.heard(event);
  };
  const ends = (): unknown[] =>
    written.filter(({ reason }) => reason === "asked").map(({ job_id, podium_status }) => [job_id, podium_status]);
  return { planEnds, desk, sent, taken, hear, ends, watch, asked: () => asked };
}

/** Until the n-th question and its answer. */
async function wait(asks = 1): Promise<void> {
  for (let ask = 0; ask < asks; ask++) {
    jest.advanceTimersByTime(firstWaitMs * 2 ** ask);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

const plan = (status: string) => ({ plans: [{ planId: "PLAN", status }] });

test("a plan whose stories have all ended is asked about, and its end is recorded as asked", async () => {
  const { taken, hear, ends, asked } = scene(plan("done"));
  const id = taken("PLAN");
  for (const word of ["queued", "done"]) for (const story of ["A", "B"]) hear(story, word);
  expect(asked()).toBe(0);
  await wait();
  expect([ends(), asked(), jest.getTimerCount()]).toEqual([[[id, "done"]], 1, 0]);
});

test("also when a story's last frame does not say again that it is the plan's", async () => {
  const { taken, hear, ends } = scene(plan("done"));
  const id = taken("PLAN");
  hear("A", "queued");
  hear("A", "done", null);
  await wait();
  expect(ends()).toEqual([[id, "done"]]);
});

test("as long as one of them runs, nobody asks", async () => {
  const { hear, taken, ends, asked } = scene(plan("done"));
  taken("PLAN");
  hear("A", "done");
  hear("B", "queued");
  await wait();
  expect([ends(), asked(), jest.getTimerCount()]).toEqual([[], 0, 0]);
  hear("B", "failed");
  await wait();
  expect([ends().length, asked()]).toEqual([1, 1]);
});

test("after a hole in Podium's telemetry one of them may have ended unheard: the plan's own word decides", async () => {
  const { hear, taken, ends, watch } = scene(plan("in_progress"), plan("done"));
  const id = taken("PLAN");
  hear("A", "in_progress");
  watch.miss(id);
  hear("B", "done");
  await wait(2);
  expect(ends()).toEqual([[id, "done"]]);
});

test("Podium's own word may come a little later, and not for ever", async () => {
  const late = scene(plan("in_progress"), undefined, plan("done"));
  late.taken("PLAN");
  late.hear("A", "done");
  await wait(3);
  expect([late.ends().length, late.asked()]).toEqual([1, 3]);

  const never = scene(plan("in_progress"));
  never.taken("PLAN");
  never.hear("A", "done");
  await wait(asksMax + 1);
  expect([never.ends(), never.asked(), jest.getTimerCount()]).toEqual([[], asksMax, 0]);
});

test.each<[string, (desk: { isAsking: boolean; flushed: boolean }) => void]>([
  ["somebody else asks about it", (desk) => void (desk.isAsking = true)],
  ["what Podium sent before has not been heard", (desk) => void (desk.flushed = false)],
])("while %s, nothing is recorded", async (_, change) => {
  const { taken, hear, ends, desk } = scene(plan("done"));
  taken("PLAN");
  change(desk);
  hear("A", "done");
  await wait(2);
  expect(ends()).toEqual([]);
  Object.assign(desk, { isAsking: false, flushed: true });
  jest.advanceTimersByTime(firstWaitMs * 4);
  await wait();
  expect(ends()).toHaveLength(1);
});

test.each<[string, (scene_: ReturnType<typeof scene>) => void]>([
  ["has told its end itself", ({ hear }) => hear(undefined, "done")],
  ["was taken over by a newer dispatch", ({ taken }) => void taken("PLAN")],
  ["is asked about no more", ({ planEnds }) => planEnds.stop()],
])("no end is recorded for a plan that %s", async (_, happen) => {
  const one = scene(plan("done"));
  one.taken("PLAN");
  one.hear("A", "done");
  happen(one);
  await wait(2);
  expect([one.ends(), jest.getTimerCount()]).toEqual([[], 0]);
});

test.each([undefined, "unknown"])(
  "of a dispatch that Podium has not taken, or may not have, its words may be about an earlier run: answered %p",
  async (result) => {
    const { sent, taken, hear, ends } = scene(plan("done"));
    taken("PLAN");
    hear("A", "done");
    hear(undefined, "done");
    const { answer } = sent("PLAN");
    if (result !== undefined) answer(result);
    hear("A", "done");
    await wait(2);
    expect(ends()).toEqual([]);
  },
);

test("of many plans that end at once, as many are asked about as have their stories remembered", async () => {
  const { taken, hear, asked } = scene({ plans: [] });
  for (let i = 0; i < 40; i++) taken(`PLAN-${i}`);
  for (let i = 0; i < 40; i++) hear("A", "done", `PLAN-${i}`);
  expect(jest.getTimerCount()).toBe(32);
  await wait();
  expect(asked()).toBe(32);
});
