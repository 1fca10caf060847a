import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import type { Draft, StoredRecord } from "../../src/audit/record.ts";
import { viewOf } from "../../src/http/job-view.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { asksMax, firstWaitMs, Unheard } from "../../src/jobs/unheard.ts";
import { JobWatch } from "../../src/jobs/watch.ts";
import { intentAt, outcomeAt, recordAt } from "../dispatch/records.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const planFields = { action: "enqueue_plan", story_id: undefined, plan_id: "PLAN" } as unknown as Partial<StoredRecord>;

/** STORY-001, taken by Podium; its status is what `answers` say in turn, and the last of them from then on. */
function scene(...answers: readonly (object | undefined)[]) {
  const jobs = new JobStore(new FakeClock());
  const terminal = new Set(["done", "failed"]);
  const watch = new JobWatch(jobs, terminal);
  const apply = (record: StoredRecord): void => {
    jobs.apply(record);
    watch.apply(record);
  };
  const written: Draft[] = [];
  const asked: number[] = [];
  const startedAt = Date.now();
  const desk = { flushed: () => Promise.resolve(true) };
  const unheard = new Unheard({
    jobs,
    watch,
    terminalStatuses: terminal,
    append(draft) {
      written.push(draft);
      apply(recordAt(morning, draft as Parameters<typeof recordAt>[1]));
      return Promise.resolve();
    },
    podiumStatus() {
      asked.push(Date.now() - startedAt);
      const answer = answers[Math.min(asked.length, answers.length) - 1];
      return Promise.resolve(answer && JSON.stringify(answer));
    },
    flushed: () => desk.flushed(),
  });
  let number = 0;
  const sent = (fields: Partial<StoredRecord> = {}) => {
    const intent = intentAt(morning, ++number, fields);
    apply(intent);
    watch.sent(intent.job_id!, intent.timestamp);
    return { id: intent.job_id!, answer: (result: string) => apply(outcomeAt(morning, intent, result)) };
  };
  const taken = (fields: Partial<StoredRecord> = {}): string => {
    const { id, answer } = sent(fields);
    answer("queued");
    return id;
  };
  const hear = (storyId: string, planId?: string): void => {
    const frame = { seq: 1, at: "", type: "STORY_STATUS", text: "{}", storyId, status: "in_progress" };
    unheard.heard({ ...frame, ...(planId && { planId }) });
  };
  const ending = (id: string) => viewOf(() => jobs.get(id)!, watch, terminal).ending();
  return { unheard, jobs, watch, written, asked, desk, sent, taken, hear, ending };
}

/** Lets answers that are there arrive. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

/** Through all the questions. */
async function wait(): Promise<void> {
  for (let ask = 0; ask < asksMax; ask++) {
    await settle();
    jest.advanceTimersByTime(firstWaitMs * 2 ** ask);
  }
  await settle();
}

const story = (status: string) => ({ storyId: "STORY-001", status });

test.each([
  ["a story in a list", [story("done")], "done"],
  ["another word for an agent of it", { stories: [story("failed")], agents: [story("idle")] }, "failed"],
])("what Podium's status calls ended is recorded with its word, as asked (%s)", async (_, answer, word) => {
  const { unheard, taken, written, asked, jobs, ending } = scene(answer);
  const id = taken();
  unheard.begin();
  await wait();
  expect(written).toMatchObject([{ event: "job", job_id: id, podium_status: word, reason: "asked" }]);
  expect([asked.length, jobs.get(id)!.last_event]).toEqual([1, undefined]);
  expect(ending(id)).toMatchObject({ status: "queued", podium_status: word, detail: undefined });
});

test("a plan is ended by a word about itself, not by one about its stories", async () => {
  const { unheard, taken, written } = scene(
    [{ planId: "PLAN", storyId: "A", status: "done" }],
    [{ planId: "PLAN", status: "done" }],
  );
  const id = taken(planFields);
  unheard.begin();
  await settle();
  expect(written).toEqual([]);
  await wait();
  expect(written).toMatchObject([{ job_id: id, plan_id: "PLAN", podium_status: "done" }]);
});

test.each([
  ["runs", { stories: [story("in_progress")] }],
  ["is listed as busy", { running: ["STORY-001"], stories: [story("done")] }],
  ["is as it was", [story("todo")]],
])("what Podium will be heard of again is not asked for twice, and not lost: it %s", async (_, answer) => {
  const { unheard, taken, written, asked, ending } = scene(answer);
  const id = taken();
  unheard.begin();
  await wait();
  expect([written, asked.length, ending(id), jest.getTimerCount()]).toEqual([[], 1, undefined, 0]);
});

test.each([
  ["does not name it", []],
  ["contradicts itself", [story("done"), story("failed")]],
  ["contradicts itself about an end", [story("done"), story("todo")]],
  ["has other words", [story("sleeping")]],
  ["is too long to be looked through", [...Array.from({ length: 100_000 }, () => 0), story("done")]],
  ["can't be had", undefined],
])(
  "when Podium's status %s, it is asked for a while, and then nobody knows: no outcome is made up",
  async (_, answer) => {
    const { unheard, taken, written, asked, ending, hear, watch } = scene(answer);
    const id = taken();
    let told = 0;
    watch.listen(id, () => told++);
    unheard.begin();
    await settle();
    for (let ask = 0; ask < asksMax - 1; ask++) {
      expect([asked.length, ending(id)]).toEqual([ask + 1, undefined]);
      jest.advanceTimersByTime(firstWaitMs * 2 ** ask);
      await settle();
    }
    const lost = ending(id)!;
    expect(lost).toMatchObject({ job_id: id, status: "queued", podium_status: undefined });
    expect(lost["detail"]).toContain("whether this job has ended");
    expect([told, written, asked.length, jest.getTimerCount()]).toEqual([1, [], asksMax, 0]);
    hear("STORY-001");
    expect(ending(id)).toBeUndefined();
  },
);

test("an agent's frame that names the story is no word for it: its end is asked for all the same", async () => {
  const { unheard, taken, written } = scene([story("done")]);
  taken();
  unheard.begin();
  unheard.heard({ seq: 1, at: "", type: "AGENT_STATUS", text: "{}", storyId: "STORY-001" });
  await wait();
  expect(written).toHaveLength(1);
});

test("a frame is Podium's own word: what it tells is not asked for any more", async () => {
  const { unheard, taken, written, asked, hear, desk } = scene([story("done")]);
  taken();
  const flushed = Promise.withResolvers<boolean>();
  desk.flushed = () => flushed.promise;
  unheard.begin();
  await settle();
  hear("STORY-001");
  flushed.resolve(true);
  await wait();
  expect([written, asked.length]).toEqual([[], 1]);
});

test("nor is a plan asked about for which one of its stories is heard of, whether or not the frame names it", async () => {
  const { unheard, taken, asked, hear } = scene([]);
  taken(planFields);
  unheard.begin();
  hear("A", "PLAN");
  await wait();
  unheard.begin();
  hear("A");
  await wait();
  expect(asked).toHaveLength(2);
});

test("an answer is believed only when all that Podium sent before it has been heard", async () => {
  const { unheard, taken, written, desk } = scene([story("done")]);
  taken();
  desk.flushed = () => Promise.resolve(false);
  unheard.begin();
  await settle();
  expect(written).toEqual([]);
  desk.flushed = () => Promise.resolve(true);
  jest.advanceTimersByTime(firstWaitMs);
  await settle();
  expect(written).toHaveLength(1);
});

test("of what Podium takes while it is asked, its words may be about an earlier run: it is asked again", async () => {
  const { unheard, sent, written, asked } = scene([story("done")]);
  const { id, answer } = sent();
  unheard.begin();
  answer("queued");
  await settle();
  expect([written, asked.length]).toEqual([[], 1]);
  jest.advanceTimersByTime(firstWaitMs);
  await settle();
  expect(written).toMatchObject([{ job_id: id, podium_status: "done" }]);
});

test("nothing is asked for what has ended, was refused or was taken over", async () => {
  const { unheard, sent, taken, written, asked } = scene([story("done")]);
  sent({ story_id: "STORY-002" }).answer("rejected");
  taken();
  const newer = taken();
  unheard.begin();
  await wait();
  expect(written).toMatchObject([{ job_id: newer }]);
  unheard.begin();
  await wait();
  expect([written.length, asked.length]).toEqual([1, 1]);
});

test("of two that Podium took in the other order, the end is the newer one's", async () => {
  const { unheard, sent, written, watch } = scene([story("done")]);
  const [older, newer] = [sent(), sent()];
  watch.sent(older.id, "");
  newer.answer("queued");
  older.answer("queued");
  unheard.begin();
  await wait();
  expect(written).toMatchObject([{ job_id: newer.id }]);
});

test("a stop, and the next hole, end the questions about the one before", async () => {
  const { unheard, taken, written, asked } = scene(undefined, undefined, [story("done")]);
  taken();
  unheard.begin();
  await settle();
  unheard.begin();
  await settle();
  expect([asked.length, jest.getTimerCount()]).toEqual([2, 1]);
  unheard.stop();
  expect(jest.getTimerCount()).toBe(0);
  unheard.begin();
  unheard.stop();
  await wait();
  expect([written, asked.length]).toEqual([[], 3]);
});
