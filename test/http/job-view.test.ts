import { expect, test } from "bun:test";
import { viewOf } from "../../src/http/job-view.ts";
import { jobAfter, jobOfIntent } from "../../src/jobs/job.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { JobWatch } from "../../src/jobs/watch.ts";
import { intentAt, outcomeAt, recordAt } from "../dispatch/records.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { join, roomOf } from "../stream/room.ts";

/** A job as the log has it, Podium's word for it included; memory holds it, or no longer does. */
function stream({ isHeld, word }: { readonly isHeld: boolean; readonly word: string }) {
  const jobs = new JobStore(new FakeClock());
  const terminal = new Set(["done"]);
  const watch = new JobWatch(jobs, terminal);
  const intent = intentAt(morning, 1);
  const { audit_id, job_id, story_id } = intent;
  const ids = { audit_id: audit_id!, job_id: job_id!, story_id: story_id! };
  const later = [
    outcomeAt(morning, intent, "queued"),
    recordAt(morning, { event: "job", ...ids, podium_status: word }),
  ];
  for (const record of isHeld ? [intent, ...later] : []) {
    jobs.apply(record);
    watch.apply(record);
  }
  const job = later.reduce(jobAfter, jobOfIntent(intent));
  const { context } = roomOf();
  return join(context, { job: viewOf(() => jobs.get(job.job_id) ?? job, watch, terminal) });
}

test("the stream of a job that memory does not hold ends at once, for nothing will be told of it", () => {
  const { peer } = stream({ isHeld: false, word: "in_progress" });
  expect([JSON.parse(peer.heard.at(-1)!), peer.ended]).toMatchObject([
    { type: "JOB_OUTCOME", status: "queued", podium_status: "in_progress", detail: expect.stringContaining("too old") },
    [1000],
  ]);
});

test("one that has ended tells its end, held or not, and one that is followed goes on", () => {
  for (const isHeld of [true, false]) {
    const { peer } = stream({ isHeld, word: "done" });
    expect(JSON.parse(peer.heard.at(-1)!)).toMatchObject({ type: "JOB_OUTCOME", podium_status: "done" });
    expect(peer.heard.at(-1)).not.toContain("detail");
  }
  expect(stream({ isHeld: true, word: "in_progress" }).peer.ended).toEqual([]);
});
