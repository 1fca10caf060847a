import { expect, test } from "bun:test";
import { jobAfter, jobOfIntent } from "../../src/jobs/job.ts";
import { intentAt, recordAt } from "../dispatch/records.ts";
import { morning } from "../lib/fake-clock.ts";

const intent = intentAt(morning, 1);
const { audit_id, job_id, action, story_id } = intent as Required<typeof intent>;
const word = (atMs: number, podium_status: string) =>
  recordAt(morning + atMs, { event: "job", audit_id, job_id, action, story_id, podium_status });

test("a job has started with Podium's first word that says so, and its end does not undo that", () => {
  const started = jobAfter(jobOfIntent(intent), word(1_000, "queued"));
  const ended = [word(2_000, "in_progress"), word(3_000, "done")].reduce(jobAfter, started);
  expect(started.podium_started_at).toBe("2026-01-09T08:00:01.000Z");
  expect(ended).toMatchObject({ podium_status: "done", podium_started_at: "2026-01-09T08:00:01.000Z" });
});

test("an end may be about an earlier run: it says of none that it has started", () => {
  expect(jobAfter(jobOfIntent(intent), word(1_000, "done")).podium_started_at).toBeUndefined();
});
