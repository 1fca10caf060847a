import { expect, test } from "bun:test";
import { Problem } from "../../src/lib/errors.ts";
import type { Desk } from "./desk.ts";
import { ask, enqueue, incoming, quiet, settleMs, verdictOf } from "./desk.ts";
import { failingFiles } from "./failing-files.ts";
import { said, statusOf, timedOut, yes } from "./scripted-podium.ts";
import { useDesks } from "./use-desks.ts";

/** Schedules that once broke a promise: each is named after what must hold. */

const open = useDesks();

const enqueued = (desk: Desk): number => desk.podium.words.filter((word) => word.startsWith("ENQUEUE")).length;

test("a key whose outcome could not be recorded is never called safe to repeat", async () => {
  const failing = failingFiles();
  const desk = await open({ files: failing.files });
  desk.podium.rule = () => {
    failing.fault = "write";
    return yes;
  };
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("audit_unavailable same-key");
  const again = await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect(again instanceof Problem && again.retry).toBe("same-key");
});

test("a token that can't be made closes the intent as not executed, and its time is told all the same", async () => {
  const desk = await open();
  const stages: string[] = [];
  const onStage = (stage: string): void => void stages.push(stage);
  const deps = { ...desk.deps, onStage, token: () => Promise.reject(new TypeError("no key")) };
  await ask({ ...desk, deps }, incoming(enqueue("STORY-001"), "k")).catch(() => {});
  expect(desk.records().find(({ event }) => event === "outcome")).toMatchObject({ result: "failed" });
  expect(stages).toEqual(["audit_intent", "wait", "sign", "audit_outcome"]);
});

test("a cancel does not make an unknown enqueue forgotten", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "first"));
  desk.podium.rule = () => yes;
  await ask(desk, incoming({ action: "cancel_story", story_id: "STORY-001" }));
  desk.clock.pass(5_000);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
  await ask(desk, incoming(enqueue("STORY-001"), "second"));
  expect(desk.podium.words.slice(2, 3)).toEqual(["GET /api/status"]);
});

test("setting the clock forward does not make an unknown outcome settled before its time", async () => {
  const desk = await open();
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : timedOut);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.step(3_600_000);
  desk.clock.pass(5_000);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect(enqueued(desk)).toBe(1);
});

test("setting the clock back does not keep an unknown outcome unknown", async () => {
  const desk = await open();
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : timedOut);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.step(-86_400_000);
  desk.clock.pass(settleMs);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("ok");
});

test("after a crash the cooldown of what was on its way counts from when it can have been sent", async () => {
  const desk = await open();
  const first = ask(desk, incoming(enqueue("STORY-0")));
  const pending = await desk.podium.next();
  void ask(desk, incoming(enqueue("STORY-001")));
  await quiet();
  desk.clock.pass(20_000);
  pending.answer(yes);
  await first;
  await desk.podium.arrivals(2);
  await desk.log.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  again.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "queued") : yes);
  await ask(again, incoming(enqueue("STORY-001")));
  expect(enqueued(again)).toBe(0);
});

test("telemetry that says a story was not started does not turn an unknown outcome into success", async () => {
  const desk = await open();
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : timedOut);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  const { job_id, audit_id } = desk.jobs.get("JOB-20260109-001")!;
  const about = { action: "enqueue_story", story_id: "STORY-001", podium_status: "todo" };
  await desk.log.append({ event: "job", audit_id, job_id, ...about });
  desk.clock.pass(settleMs - 1);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("podium_timeout same-key");
});

test("a halt cancels a dispatch that is still asking about an earlier one", async () => {
  const desk = await open();
  desk.podium.rule = ({ request }) => (request.method === "GET" ? undefined : timedOut);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.pass(settleMs);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? undefined : yes);
  const held = ask(desk, incoming(enqueue("STORY-001"), "another"));
  const question = await desk.podium.next();
  await ask(desk, incoming({ action: "halt" }));
  question.answer(statusOf("STORY-001", "todo"));
  expect(verdictOf(await held)).toBe("cancelled_by_halt safe");
});

test("a key whose dispatch was found not executed by another request is as good as new", async () => {
  const desk = await open();
  desk.podium.rule = ({ request }) => (request.method === "GET" ? undefined : said(500, ""));
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.pass(settleMs);
  const stranger = ask(desk, incoming(enqueue("STORY-001")));
  const question = await desk.podium.next();
  const owner = ask(desk, incoming(enqueue("STORY-001"), "k"));
  question.answer(statusOf("STORY-001", "todo"));
  // They share the finding; one of them is sent, the other has to wait for it.
  const verdicts = [verdictOf(await stranger), verdictOf(await owner)].toSorted();
  expect(verdicts).toEqual(["podium_invalid_response same-key", "story_cooldown safe"]);
  expect(desk.podium.words.filter((word) => word.startsWith("GET"))).toHaveLength(1);
  desk.clock.pass(settleMs);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("ok");
});

// After a restart only the wall clock tells how long an outcome has been unknown. Set forward in between, it makes "not
// started" a proof at once, and a command that Podium starts late runs twice. A doubt that is read back from the log
// should begin anew with the process.
test("a clock set forward before a restart does not make an unknown outcome settled before its time", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.step(600_000);
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  again.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
  expect(verdictOf(await ask(again, incoming(enqueue("STORY-001"), "k")))).toBe("podium_timeout same-key");
});

test("a halt that Podium gets while a dispatch is in doubt leaves nothing proven, though it was asked for before", async () => {
  const desk = await open();
  desk.podium.rule = () => undefined;
  const halted = ask(desk, incoming({ action: "halt" }));
  const halt = await desk.podium.next();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  halt.answer(yes);
  expect(verdictOf(await halted)).toBe("ok");
  desk.clock.pass(settleMs);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("podium_timeout same-key");
  expect(enqueued(desk)).toBe(1);
});
