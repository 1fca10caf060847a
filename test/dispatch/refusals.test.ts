import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import type { Draft } from "../../src/audit/record.ts";
import type { Asker } from "../../src/dispatch/command.ts";
import { Refusals } from "../../src/dispatch/refusals.ts";

const mark: Asker = { source: "command-center", user_id: "mark", auth_mode: "local" };
const story = (number: number) => ({ action: "enqueue_story", story_id: `STORY-${number}` }) as const;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function open() {
  const written: Draft[] = [];
  const refusals = new Refusals({
    append: (draft) => {
      written.push(draft);
      return Promise.resolve();
    },
  });
  return { written, refusals };
}

/** Everything counted for one code. */
function counted(written: readonly Draft[], code: string): number {
  return written.filter((draft) => draft.code === code).reduce((sum, draft) => sum + (draft.count ?? 0), 0);
}

test("the first refusal is written at once, with what was refused and who asked", () => {
  const { written, refusals } = open();
  refusals.note("story_cooldown", story(1), mark);
  expect(written).toEqual([
    {
      event: "rejected",
      action: "enqueue_story",
      story_id: "STORY-1",
      source: "command-center",
      user_id: "mark",
      auth_mode: "local",
      code: "story_cooldown",
      count: 1,
    },
  ]);
});

test("a flood of equal refusals is two lines in ten seconds, and every one of them is counted", () => {
  const { written, refusals } = open();
  for (let i = 0; i < 5000; i++) refusals.note("story_cooldown", story(1), mark);
  expect(written).toHaveLength(1);
  jest.advanceTimersByTime(9_999);
  expect(written).toHaveLength(1);
  jest.advanceTimersByTime(1);
  expect(written.map(({ count }) => count)).toEqual([1, 4999]);
});

test("after ten quiet seconds the next refusal is written at once again", () => {
  const { written, refusals } = open();
  refusals.note("rate_limited", story(1), mark);
  jest.advanceTimersByTime(10_000);
  expect(written).toHaveLength(1);
  refusals.note("rate_limited", story(1), mark);
  expect(written).toHaveLength(2);
});

test("a flood over ever new stories is bounded too, and nothing is lost from the count", () => {
  const { written, refusals } = open();
  for (let i = 0; i < 5000; i++) refusals.note("rate_limited", story(i), mark);
  jest.advanceTimersByTime(10_000);
  expect(written.length).toBeLessThan(70);
  expect(counted(written, "rate_limited")).toBe(5000);
});

test("different reasons are counted apart", () => {
  const { written, refusals } = open();
  for (let i = 0; i < 3; i++) refusals.note("rate_limited", story(1), mark);
  for (let i = 0; i < 2; i++) refusals.note("queue_full", story(1), mark);
  refusals.flush();
  expect([counted(written, "rate_limited"), counted(written, "queue_full")]).toEqual([3, 2]);
});

test("what is still counted is written at the end, and no timer stays behind", () => {
  const { written, refusals } = open();
  refusals.note("rate_limited", story(1), mark);
  refusals.note("rate_limited", story(1), mark);
  refusals.flush();
  expect(counted(written, "rate_limited")).toBe(2);
  expect(jest.getTimerCount()).toBe(0);
  refusals.flush();
  expect(written).toHaveLength(2);
});

test("a log that can't be written is not our business", async () => {
  const refusals = new Refusals({ append: () => Promise.reject(new Error("disk")) });
  refusals.note("rate_limited", story(1), mark);
  refusals.flush();
  await Promise.resolve();
});

// Equal refusals of different people are counted together under the name of the first: the record then says that Mark
// was refused 100 times, when 99 of them were somebody else's. Who asked belongs to what is counted.
test("nobody's refusals are recorded under somebody else's name", () => {
  const { written, refusals } = open();
  refusals.note("rate_limited", story(1), mark);
  for (let i = 0; i < 99; i++) refusals.note("rate_limited", story(1), { ...mark, user_id: "anna" });
  refusals.flush();
  const marks = written.filter(({ user_id }) => user_id === "mark");
  expect(counted(marks, "rate_limited")).toBe(1);
});
