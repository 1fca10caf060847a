import { afterEach, expect, test } from "bun:test";
import path from "node:path";
import type { ReadDeps } from "../../src/audit/read.ts";
import { Scans } from "../../src/audit/scans.ts";
import { JobArchive } from "../../src/jobs/archive.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { runtime } from "#runtime";
import { enqueue, ask, incoming, openDesk, quiet } from "../dispatch/desk.ts";
import type { Desk } from "../dispatch/desk.ts";
import { said, timedOut, yes } from "../dispatch/scripted-podium.ts";
import { Problem } from "../../src/lib/errors.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import { eventually } from "../e2e/watch.ts";

const day = 86_400_000;
let desk: Desk;
afterEach(() => desk.close());

/** What the files alone tell. */
function archive(jobs = new JobStore(new FakeClock())): JobArchive {
  const { files, sha256 } = runtime;
  const log = (): ReadDeps => ({ files, sha256, dir: path.join(desk.dir, "logs") });
  return new JobArchive(jobs, log, new Scans(log).run);
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

test("a job whose outcome was found out days later is told as found out, alone and in the list of its day", async () => {
  desk = await openDesk();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-0")));
  desk.podium.rule = () => yes;
  for (let i = 1; i <= 4; i++) {
    desk.clock.pass(day);
    await jobId(`STORY-${i}`);
  }
  const told = async (): Promise<(string | undefined)[]> => [
    (await archive().find("JOB-20260109-001"))?.status,
    (await archive().list({ limit: 9, day: "2026-01-09" })).jobs[0]?.status,
  ];
  expect(await told()).toEqual(["unknown", "unknown"]);
  desk.podium.rule = ({ request }) =>
    request.method === "GET" ? said(200, '{"stories":[{"storyId":"STORY-0","status":"queued"}]}') : said(409, "{}");
  await ask(desk, incoming(enqueue("STORY-0")));
  expect(await told()).toEqual(["queued", "queued"]);
});

test("an answer whose words had to go from memory is told whole, alone and in the list of its day", async () => {
  desk = await openDesk({ bounds: { jobs: { jobsMax: 100, charsMax: 1000, doubtsMax: 10 } } });
  const long = { ...yes, json: JSON.stringify({ success: true, text: "x".repeat(600) }) } as typeof yes;
  desk.podium.rule = () => long;
  const ids = [await jobId("STORY-0"), await jobId("STORY-1")];
  expect(ids.map((id) => desk.jobs.isWhole(id))).toEqual([false, true]);
  const { json } = long as { json: string };
  const { jobs } = await archive(desk.jobs).list({ limit: 9 });
  expect(jobs.map(({ podium_response }) => podium_response)).toEqual([json, json]);
  for (const id of ids) expect((await archive(desk.jobs).find(id))?.podium_response).toBe(json);
});

test("the log's beginning is held until its first file is pruned", async () => {
  desk = await openDesk();
  desk.podium.rule = () => yes;
  const seen: [string | undefined, boolean][] = [];
  for (let i = 0; i < 18; i++) {
    await jobId(`STORY-${i}`);
    await quiet();
    seen.push([archive().firstDay(), archive().holdsBeginning()]);
    desk.clock.pass(6 * day);
  }
  expect(seen.at(0)).toEqual(["2026-01-09", true]);
  // Pruning follows the rotation in its own time.
  await eventually(() => !archive().holdsBeginning() || undefined, "the first file to be pruned");
  expect(archive().firstDay()).not.toBe("2026-01-09");
  for (const [firstDay, holdsBeginning] of seen) expect(holdsBeginning).toBe(firstDay === "2026-01-09");
});
