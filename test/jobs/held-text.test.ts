import { expect, test } from "bun:test";
import type { StoredRecord } from "../../src/audit/record.ts";
import type { Job } from "../../src/jobs/job.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { intentAt, outcomeAt, recordAt } from "../dispatch/records.ts";

const day = "2026-01-09";
const genesis = recordAt(morning, { event: "genesis", seq: 0 });

/** Dispatches one after the other, each answered with as many characters; a thousand are held. */
function storeOf(answers: readonly number[], result = "queued", jobsMax = 100): JobStore {
  const store = new JobStore(new FakeClock(), { jobsMax, charsMax: 1000, doubtsMax: 100 });
  store.apply(genesis);
  for (const [i, chars] of answers.entries()) {
    const intent = intentAt(morning + 10 * i, i, { story_id: `STORY-${i}` });
    store.apply(intent);
    store.apply({ ...outcomeAt(morning + 10 * i + 1, intent, result), podium_response: "x".repeat(chars) });
  }
  return store;
}

/** By job, oldest first: characters of its answer, and whether memory has all of it. */
function held(store: JobStore): [number | undefined, boolean][] {
  const jobs: Job[] = store.ofDay(day).toReversed();
  return jobs.map(({ job_id, podium_response: text }) => [text?.length, store.isWhole(job_id)]);
}

test.each<[readonly number[], readonly (number | undefined)[]]>([
  [
    [400, 600],
    [400, 600],
  ],
  [
    [400, 10, 600],
    [undefined, 10, 600],
  ],
  [
    [400, 10, 1000],
    [undefined, undefined, 1000],
  ],
  [
    [10, 1001, 20],
    [undefined, undefined, 20],
  ],
  [
    [0, 900, 0, 900, 0, 900],
    [0, undefined, 0, undefined, 0, 900],
  ],
])("answers of %p characters: of the oldest, the words go, and the job stays", (answers, rest) => {
  const store = storeOf(answers);
  expect(held(store)).toEqual(rest.map((chars) => [chars, chars !== undefined]));
  expect(store.ofStory("STORY-0")).toMatchObject({ status: "queued" });
  // What is not whole must be read from the log, in a list of its day, too.
  expect(store.holdsDay(day)).toBe(!rest.includes(undefined));
});

test("a frame counts, and comes back with the next one when it went", () => {
  const store = storeOf([100, 100]);
  const say = (number: number, chars: number): void => {
    const { audit_id } = intentAt(morning + 10 * number, number, {});
    const ids = { audit_id, job_id: `JOB-20260109-00${number}`, story_id: `STORY-${number}` };
    const frame = { event: "job", ...ids, podium_status: "in_progress", detail: "y".repeat(chars) };
    store.apply(recordAt(morning + 1000, frame as unknown as StoredRecord));
  };
  say(0, 700);
  say(1, 700);
  expect(held(store)).toEqual([
    [undefined, false],
    [100, true],
  ]);
  expect(store.get("JOB-20260109-000")).toMatchObject({ podium_status: "in_progress", last_event: undefined });
  say(0, 100);
  expect(store.get("JOB-20260109-000")?.last_event).toHaveLength(100);
});

test("jobs that are forgotten make room, and nothing of them is kept", () => {
  const store = storeOf(
    Array.from({ length: 50 }, () => 300),
    "queued",
    3,
  );
  expect(held(store)).toEqual([
    [300, true],
    [300, true],
    [300, true],
  ]);
});

test("a doubt keeps nothing of a long answer", () => {
  const [doubt] = storeOf([900], "unknown").doubts();
  expect(doubt).toMatchObject({ job_id: "JOB-20260109-000", story_id: "STORY-0", status: "unknown" });
  expect(doubt).not.toHaveProperty("podium_response");
});
