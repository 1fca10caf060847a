import { afterEach, expect, test } from "bun:test";
import path from "node:path";
import { JobArchive } from "../../src/jobs/archive.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { runtime } from "#runtime";
import { enqueue, ask, incoming, openDesk } from "../dispatch/desk.ts";
import type { Desk } from "../dispatch/desk.ts";
import { yes } from "../dispatch/scripted-podium.ts";
import { Problem } from "../../src/lib/errors.ts";
import { FakeClock } from "../lib/fake-clock.ts";

const day = 86_400_000;
let desk: Desk;
afterEach(() => desk.close());

/** What the files alone tell. */
function archive(): JobArchive {
  const { files, sha256 } = runtime;
  return new JobArchive(new JobStore(new FakeClock()), () => ({ files, sha256, dir: path.join(desk.dir, "logs") }));
}

async function jobId(story: string): Promise<string> {
  const answer = await ask(desk, incoming(enqueue(story)));
  if (answer instanceof Problem) throw answer;
  return answer.job.job_id;
}

test("a job whose id is ahead of its time, as the clock was once, is found in the file of any day until then", async () => {
  desk = await openDesk();
  desk.podium.rule = () => yes;
  desk.clock.step(4 * day);
  const ids = [await jobId("STORY-0")];
  desk.clock.step(-4 * day);
  for (let i = 1; i <= 6; i++) {
    ids.push(await jobId(`STORY-${i}`));
    desk.clock.pass(day);
  }
  expect(ids).toEqual([...[1, 2, 3, 4, 5, 6].map((number) => `JOB-20260113-00${number}`), "JOB-20260114-001"]);
  for (const [i, id] of ids.entries()) expect((await archive().find(id))?.story_id).toBe(`STORY-${i}`);
});
