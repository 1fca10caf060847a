import { expect, test } from "bun:test";
import { Problem } from "../../src/lib/errors.ts";
import type { Desk, DeskOptions } from "./desk.ts";
import { ask, enqueue, incoming, quiet, settleMs, verdictOf } from "./desk.ts";
import { said, timedOut, yes } from "./scripted-podium.ts";
import { useDesks } from "./use-desks.ts";

const day = 86_400_000;
const story = "STORY-001";
const openDesk = useDesks();

async function open(options?: DeskOptions): Promise<Desk> {
  const desk = await openDesk(options);
  desk.podium.rule = () => yes;
  return desk;
}

/** The same folder, a new process, after so long; only the file carries over. */
async function restart(desk: Desk, downMs = 0, options: DeskOptions = {}): Promise<Desk> {
  await desk.close();
  desk.clock.pass(downMs);
  return open({ dir: desk.dir, clock: desk.clock.rebirth(), ...options });
}

async function verdict(desk: Desk, name: string, key?: string): Promise<string> {
  return verdictOf(await ask(desk, incoming(enqueue(name), key)));
}

async function jobId(desk: Desk, name: string): Promise<string> {
  const answer = await ask(desk, incoming(enqueue(name)));
  if (answer instanceof Problem) throw answer;
  return answer.job.job_id;
}

for (const stepMs of [600_000, 3 * day, -600_000, -3 * day]) {
  test(`a clock set by ${stepMs / 1000} s before a restart ends neither cooldown nor minute nor a key's life`, async () => {
    const desk = await open({ dispatchPerMinute: 2 });
    await ask(desk, incoming(enqueue(story), "k"));
    desk.clock.step(stepMs);
    expect(await verdict(desk, "STORY-002")).toBe("ok");
    const again = await restart(desk, 0, { dispatchPerMinute: 2 });
    expect(await verdict(again, "STORY-999", "k")).toBe("idempotency_mismatch never");
    expect(await verdict(again, story)).toBe("story_cooldown safe");
    expect(await verdict(again, "STORY-003")).toBe("rate_limited safe");
    again.clock.pass(60_000);
    expect(await verdict(again, story)).toBe("ok");
    again.clock.pass(day - 60_000);
    expect(await verdict(again, "STORY-999", "k")).toBe("ok");
  });
}

test("time that the process was down for is nobody's word, so it counts as none", async () => {
  const desk = await open({ dispatchPerMinute: 1 });
  await ask(desk, incoming(enqueue(story), "k"));
  desk.clock.pass(59_000);
  const again = await restart(desk, 3_600_000, { dispatchPerMinute: 1 });
  const refused = await ask(again, incoming(enqueue("STORY-002")));
  expect(verdictOf(refused)).toBe("rate_limited safe");
  expect((refused as Problem).message).toContain("1 dispatch in a minute of running time is the limit");
  again.clock.pass(1_000);
  expect(await verdict(again, "STORY-002")).toBe("ok");
});

test("a cooldown over a night of down time is told by running time", async () => {
  const desk = await open();
  await ask(desk, incoming(enqueue(story)));
  const again = await restart(desk, 8 * 3_600_000);
  const refused = (await ask(again, incoming(enqueue(story)))) as Problem;
  expect(refused.message).toBe(
    "Story STORY-001: it rests for 5 s of running time after a dispatch (limits.story_cooldown_s); nothing was executed, try again in 5 s",
  );
});

/** A story whose only dispatch was never answered. */
async function doubtful(): Promise<Desk> {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  expect(await verdict(desk, story)).toBe("podium_timeout same-key");
  desk.podium.rule = () => yes;
  return desk;
}

/** Lets days go by, each with a dispatch, so that each has a file of its own. */
async function live(desk: Desk, days: number): Promise<void> {
  for (let i = 0; i < days; i++) {
    desk.clock.pass(day);
    await jobId(desk, `STORY-OF-DAY-${i}`);
    await quiet();
  }
}

test("a doubt outlasts the days that a start reads, however often it starts", async () => {
  let desk = await doubtful();
  await live(desk, 4);
  for (let i = 0; i < 3; i++) {
    desk = await restart(desk, 2 * day);
    await live(desk, 3);
  }
  desk = await restart(desk);
  expect(desk.jobs.unsettledOf(`story ${story}`)?.job_id).toBe("JOB-20260109-001");
  desk.podium.rule = () => said(500, "");
  expect(await verdict(desk, story)).toBe("podium_unreachable same-key");
  expect(desk.podium.words).toEqual(["GET /api/status"]);
});

test("a doubt that was found out after days is found out for good", async () => {
  const desk = await doubtful();
  await live(desk, 4);
  let again = await restart(desk);
  again.clock.pass(settleMs);
  again.podium.rule = ({ request }) =>
    request.method === "GET" ? said(200, `{"stories":[{"storyId":"${story}","status":"todo"}]}`) : yes;
  expect(await verdict(again, story)).toBe("ok");
  await live(again, 4);
  again = await restart(again);
  expect(await verdict(again, story)).toBe("ok");
  expect(again.podium.words).toEqual([`ENQUEUE_STORY ${story}`]);
});

test("a file names each open doubt once, whatever is restarted meanwhile", async () => {
  let desk = await doubtful();
  await live(desk, 1);
  for (let i = 0; i < 5; i++) desk = await restart(desk);
  const carried = desk.records().filter(({ reason }) => reason === "carried over");
  expect(carried.map(({ job_id, result }) => [job_id, result])).toEqual([["JOB-20260109-001", "unknown"]]);
});

test("ids that a clock gave out ahead of its time are not given out again when that day comes", async () => {
  let desk = await open();
  desk.clock.step(10 * day);
  expect(await jobId(desk, "A")).toBe("JOB-20260119-001");
  desk.clock.step(-10 * day);
  expect(await jobId(desk, "B")).toBe("JOB-20260119-002");
  for (let i = 0; i < 5; i++) desk = await restart(desk, 2 * day);
  expect(await jobId(desk, "C")).toBe("JOB-20260119-003");
  desk = await restart(desk, day);
  expect(await jobId(desk, "D")).toBe("JOB-20260120-001");
});
