import { expect, test } from "bun:test";
import { JobStore } from "../../src/jobs/store.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { intentAt, outcomeAt } from "../dispatch/records.ts";

const bounds = { jobsMax: 100, charsMax: 1000, doubtsMax: 10 };
const day = "2026-01-09";

/** Dispatches one after the other, each answered with as many characters. */
function storeOf(...answers: readonly (readonly ["enqueue_story" | "halt", number])[]): JobStore {
  const store = new JobStore(new FakeClock(), bounds);
  for (const [i, [action, chars]] of answers.entries()) {
    const at = morning + 10 * i;
    const intent = intentAt(at, i, { action, story_id: action === "halt" ? undefined : `STORY-${i}` } as object);
    store.apply(intent);
    store.apply({ ...outcomeAt(at + 1, intent, "queued"), podium_response: "x".repeat(chars) });
  }
  return store;
}

const inMemory = (store: JobStore): number[] => store.ofDay(day).map(({ job_id }) => Number(job_id.slice(-3)));

test("long answers push out the oldest jobs until the rest fits", () => {
  expect(inMemory(storeOf(["enqueue_story", 400], ["enqueue_story", 600]))).toEqual([1, 0]);
  expect(inMemory(storeOf(["enqueue_story", 400], ["enqueue_story", 10], ["enqueue_story", 600]))).toEqual([2, 1]);
  expect(inMemory(storeOf(["enqueue_story", 400], ["enqueue_story", 1], ["enqueue_story", 1000]))).toEqual([2]);
  const store = storeOf(["enqueue_story", 400], ["enqueue_story", 700]);
  expect(store.holdsDay(day)).toBe(false);
});

test("what has no limit has a quarter of the room, and pushes out none of the others", () => {
  const halts = Array.from({ length: 10 }, () => ["halt", 200] as const);
  const store = storeOf(["enqueue_story", 700], ...halts);
  expect(inMemory(store)).toEqual([10, 0]);
});

test("one that is longer than all the room is read from the log", () => {
  expect(inMemory(storeOf(["enqueue_story", 1], ["enqueue_story", 1001]))).toEqual([]);
  expect(inMemory(storeOf(["enqueue_story", 1], ["enqueue_story", 1001], ["enqueue_story", 1]))).toEqual([2]);
});

test("news of a job that grows counts", () => {
  const store = storeOf(["enqueue_story", 400], ["enqueue_story", 400]);
  const intent = intentAt(morning + 10, 1, { story_id: "STORY-1" });
  const frame = { ...outcomeAt(morning + 99, intent, "queued"), event: "job", podium_status: "done" } as const;
  store.apply({ ...frame, result: undefined, detail: "x".repeat(300) } as unknown as typeof frame);
  expect(inMemory(store)).toEqual([1]);
});
