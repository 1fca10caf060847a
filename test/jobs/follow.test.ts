import { expect, test } from "bun:test";
import type { Draft } from "../../src/audit/record.ts";
import { followTelemetry } from "../../src/jobs/follow.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { intentAt } from "../dispatch/records.ts";

function follow(...stories: readonly string[]) {
  const jobs = new JobStore(new FakeClock());
  stories.forEach((story_id, i) => jobs.apply(intentAt(morning, i + 1, { story_id })));
  const written: Draft[] = [];
  const take = followTelemetry({
    jobs,
    terminalStatuses: new Set(["done", "failed", "cancelled"]),
    append: (draft) => {
      written.push(draft);
      return Promise.resolve();
    },
  });
  const say = (storyId: string | undefined, status: string | undefined, text = `{"is":"${status}"}`): void =>
    take({
      seq: 1,
      at: "",
      type: "STORY_STATUS",
      text,
      ...(storyId !== undefined && { storyId }),
      ...(status !== undefined && { status }),
    });
  return { written, say };
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
