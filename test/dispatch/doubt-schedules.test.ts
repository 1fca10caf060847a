import { expect, test } from "bun:test";
import { Problem } from "../../src/lib/errors.ts";
import type { Desk } from "./desk.ts";
import { ask, enqueue, incoming, quiet, settleMs, verdictOf } from "./desk.ts";
import { failingFiles } from "./failing-files.ts";
import { hear, reconnect } from "./telemetry.ts";
import { refusedConnection, said, statusOf, timedOut, yes } from "./scripted-podium.ts";
import { useDesks } from "./use-desks.ts";

/** Schedules that once broke a promise about a dispatch in doubt: each is named after what must hold. */

const open = useDesks();

const enqueued = (desk: Desk, story = "STORY-001"): number =>
  desk.podium.words.filter((word) => word === `ENQUEUE_STORY ${story}`).length;

/** Resolves when what was asked for is recorded. */
async function comeBack(desk: Desk, json: string): Promise<void> {
  await Promise.all(await reconnect(desk, json));
}
const stories = (status: string): string => JSON.stringify({ stories: [{ storyId: "STORY-001", status }] });

test("the end of an earlier run, found in the status after a hole, does not lift a later doubt (other key)", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001"), "k0"));
  desk.clock.pass(60_000);
  desk.podium.rule = () => timedOut; // still on Podium's desk
  await ask(desk, incoming(enqueue("STORY-001"), "k1"));
  await comeBack(desk, stories("done"));
  desk.clock.pass(5_000);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "done") : yes);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k2")))).toBe("story_cooldown safe");
  expect(enqueued(desk)).toBe(2);
});

test("finding out about an older dispatch does not lift a later doubt (same key runs twice)", async () => {
  const desk = await open();
  // K1: executed, its answer is lost.
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "k1"));
  // A halt puts the story back.
  desk.podium.rule = () => yes;
  await ask(desk, incoming({ action: "halt" }));
  desk.clock.pass(settleMs);
  // The lane is busy.
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : undefined);
  const busy = ask(desk, incoming(enqueue("STORY-0")));
  const pending = await desk.podium.next();
  // K2: undecided, waits for its turn.
  const second = ask(desk, incoming(enqueue("STORY-001"), "k2"));
  await quiet();
  // The telemetry of K1's run comes late: it is about K1, as K2 has not left.
  await hear(desk, "STORY-001", "queued");
  // K2 leaves and is on Podium's desk for up to settleMs.
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : timedOut);
  pending.answer(yes);
  await busy;
  expect(verdictOf(await second)).toBe("podium_timeout same-key");
  expect(enqueued(desk)).toBe(2);
  // K1 asks again, and is told the truth.
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k1")))).toBe("ok");
  desk.clock.pass(5_000);
  // K2 asks again, long before what it sent can't come true any more.
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k2")))).toBe("podium_timeout same-key");
  expect(enqueued(desk)).toBe(2);
});

test("the end of an earlier run, found in the status after a hole, does not make its words those of a later doubt", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001"), "k1"));
  desk.clock.pass(5_000);
  desk.podium.rule = () => timedOut; // never reaches it
  await ask(desk, incoming(enqueue("STORY-001"), "k2"));
  await hear(desk, "STORY-001", "in_progress"); // K1's run
  await comeBack(desk, stories("done")); // which ends in a hole
  desk.clock.pass(settleMs);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "done") : yes);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k2")))).toBe("podium_timeout same-key");
});

test("an end that is found while Podium is asked does not make the run that it saw another's", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001"), "k1"));
  desk.clock.pass(5_000);
  desk.podium.rule = () => timedOut; // never reaches it
  await ask(desk, incoming(enqueue("STORY-001"), "k2"));
  desk.clock.pass(settleMs);
  desk.podium.rule = () => undefined;
  const second = ask(desk, incoming(enqueue("STORY-001"), "k2"));
  const question = await desk.podium.next();
  await comeBack(desk, stories("done"));
  question.answer(statusOf("STORY-001", "in_progress")); // as it was when it looked
  expect(verdictOf(await second)).toBe("podium_timeout same-key");
});

test("a halt whose intent lies in a file that a start does not read leaves nothing proven", async () => {
  const desk = await open();
  desk.clock.pass(16 * 3_600_000 - 1_000); // 23:59:59
  desk.podium.rule = () => undefined;
  const halted = ask(desk, incoming({ action: "halt" }));
  const halt = await desk.podium.next();
  desk.clock.pass(21_000); // 00:00:20 of the next day
  desk.podium.rule = () => timedOut; // executed
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.pass(5_000);
  halt.answer(yes); // and put back
  await halted;
  desk.clock.pass(24 * 3_600_000 - 15_000); // 00:00:10 of the day after
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-0")));
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  again.clock.pass(5_000);
  again.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
  expect(verdictOf(await ask(again, incoming(enqueue("STORY-001"), "k")))).toBe("podium_timeout same-key");
  expect(enqueued(again)).toBe(0);
});

test("the same, any day later: what ran is not recorded as failed", async () => {
  const desk = await open();
  desk.clock.pass(16 * 3_600_000 - 1_000);
  desk.podium.rule = () => undefined;
  const halted = ask(desk, incoming({ action: "halt" }));
  const halt = await desk.podium.next();
  desk.clock.pass(2_000);
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  halt.answer(yes);
  await halted;
  desk.podium.rule = () => yes;
  desk.clock.pass(12 * 3_600_000);
  await ask(desk, incoming(enqueue("STORY-0")));
  desk.clock.pass(18 * 3_600_000);
  await ask(desk, incoming(enqueue("STORY-0")));
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  again.clock.pass(5_000);
  again.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
  await ask(again, incoming(enqueue("STORY-001")));
  expect((await again.deps.archive.find("JOB-20260110-001"))?.status).toBe("unknown");
});

test("a key in doubt is never called safe because its finding can't be recorded", async () => {
  const failing = failingFiles();
  const desk = await open({ files: failing.files });
  desk.podium.rule = () => timedOut; // executed
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  failing.fault = "write";
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "in_progress") : yes);
  const again = await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect(again instanceof Problem && `${again.code} ${again.retry}`).toBe("audit_unavailable same-key");
});

test("a cancel in doubt that is said again in vain is still not repeated once its story was dispatched anew", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001")));
  desk.podium.rule = () => timedOut; // executed
  await ask(desk, incoming({ action: "cancel_story", story_id: "STORY-001" }, "c"));
  desk.podium.rule = () => refusedConnection;
  await ask(desk, incoming({ action: "cancel_story", story_id: "STORY-001" }, "c"));
  desk.clock.pass(60_000);
  desk.podium.rule = () => yes;
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"))))).toBe("ok");
  expect(verdictOf(await ask(desk, incoming({ action: "cancel_story", story_id: "STORY-001" }, "c")))).toBe(
    "podium_timeout same-key",
  );
});

test("a cancel is not repeated once a plan that may hold its story was enqueued", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001")));
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming({ action: "cancel_story", story_id: "STORY-001" }, "c"));
  desk.podium.rule = () => yes;
  await ask(desk, incoming({ action: "enqueue_plan", plan_id: "PLAN" }));
  const again = await ask(desk, incoming({ action: "cancel_story", story_id: "STORY-001" }, "c"));
  expect(verdictOf(again)).toBe("podium_timeout same-key");
});

test("a cancel in doubt is not repeated behind a dispatch whose intent is just being written", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut; // executed
  await ask(desk, incoming({ action: "cancel_story", story_id: "STORY-001" }, "c"));
  desk.podium.rule = () => yes;
  const anew = ask(desk, incoming(enqueue("STORY-001")));
  const repeat = await ask(desk, incoming({ action: "cancel_story", story_id: "STORY-001" }, "c"));
  await anew;
  expect(verdictOf(repeat)).toBe("podium_timeout same-key");
});

test("a story that stands in Podium's queue is no proof that it was not enqueued, whatever its word", async () => {
  const desk = await open();
  const queue = JSON.stringify({ queue: [{ storyId: "STORY-001", status: "blocked", waitsFor: ["STORY-0"] }] });
  desk.podium.rule = ({ request }) => (request.method === "GET" ? said(200, queue) : timedOut); // executed
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.pass(settleMs);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect(enqueued(desk)).toBe(1);
});

test("looks at the status do not make a running dispatch forgotten", async () => {
  const desk = await open({ bounds: { jobs: { jobsMax: 3, charsMax: 1_000_000, doubtsMax: 10 } } });
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001"), "k1")); // runs
  for (let i = 0; i < 3; i++) await ask(desk, incoming({ action: "status" }));
  desk.clock.pass(5_000);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "in_progress") : timedOut);
  await ask(desk, incoming(enqueue("STORY-001"), "k2")); // never reaches it
  desk.clock.pass(settleMs);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k2")))).toBe("podium_timeout same-key");
});
test("an answer is found although the clock, once ahead, was set back", async () => {
  const desk = await open({ bounds: { jobs: { jobsMax: 2, charsMax: 1_000_000, doubtsMax: 10 } } });
  desk.podium.rule = () => yes;
  desk.clock.step(3 * 86_400_000);
  await ask(desk, incoming(enqueue("STORY-0")));
  desk.clock.step(-3 * 86_400_000);
  const first = await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect(verdictOf(first)).toBe("ok");
  await ask(desk, incoming({ action: "status" }));
  await ask(desk, incoming({ action: "status" }));
  const again = await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect(verdictOf(again)).toBe("ok");
});

test("a job is found after a restart although the clock, once ahead, was set back", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  desk.clock.step(5 * 86_400_000);
  await ask(desk, incoming(enqueue("STORY-0")));
  desk.clock.step(-5 * 86_400_000);
  const first = await ask(desk, incoming(enqueue("STORY-001"), "k"));
  const id = first instanceof Problem ? "" : first.job.job_id;
  for (let day = 0; day < 2; day++) {
    desk.clock.pass(25 * 3_600_000);
    await ask(desk, incoming(enqueue("STORY-2")));
  }
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  expect(again.deps.archive).toBeDefined();
  expect((await again.deps.archive.find(id))?.job_id).toBe(id);
});

test("a settled key is replayed although the clock, once ahead, was set back", async () => {
  const bounds = { jobs: { jobsMax: 2, charsMax: 1_000_000, doubtsMax: 10 } };
  const desk = await open({ bounds });
  desk.podium.rule = () => yes;
  desk.clock.step(5 * 86_400_000);
  await ask(desk, incoming(enqueue("STORY-0")));
  desk.clock.step(-5 * 86_400_000);
  for (let day = 0; day < 2; day++) {
    desk.clock.pass(25 * 3_600_000);
    await ask(desk, incoming(enqueue("STORY-2")));
  }
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth(), bounds });
  again.podium.rule = () => yes;
  expect(verdictOf(await ask(again, incoming(enqueue("STORY-001"), "k")))).toBe("ok");
  await ask(again, incoming({ action: "status" }));
  await ask(again, incoming({ action: "status" }));
  const answer = await ask(again, incoming(enqueue("STORY-001"), "k"));
  expect(verdictOf(answer)).toBe("ok");
});

test("that a story runs settles a doubt when the run before it had ended before, though its end was only asked for", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001"), "k1"));
  await comeBack(desk, stories("done"));
  desk.clock.pass(60_000);
  desk.podium.rule = () => timedOut; // executed
  await ask(desk, incoming(enqueue("STORY-001"), "k2"));
  await hear(desk, "STORY-001", "queued");
  await hear(desk, "STORY-001", "in_progress");
  desk.clock.pass(settleMs);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "in_progress") : yes);
  const again = await ask(desk, incoming(enqueue("STORY-001"), "k2"));
  expect(verdictOf(again)).toBe("ok");
});

test.each([
  { queue: { "free-tier": [{ storyId: "STORY-001", status: "blocked" }] } },
  { stories: [{ id: "STORY-001", status: "pending" }], queue: { "free-tier": ["STORY-001"] } },
])("a queue by tier is a queue: %j", async (told) => {
  const desk = await open();
  const queue = said(200, JSON.stringify(told));
  desk.podium.rule = ({ request }) => (request.method === "GET" ? queue : timedOut);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.pass(settleMs);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect(enqueued(desk)).toBe(1);
});
