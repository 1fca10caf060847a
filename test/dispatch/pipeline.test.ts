import { afterEach, expect, jest, test } from "bun:test";
import { dispatch } from "../../src/dispatch/pipeline.ts";
import type { Dispatched } from "../../src/dispatch/replay.ts";
import { Problem } from "../../src/lib/errors.ts";
import type { Verdict } from "../../src/podium/verdict.ts";
import type { Command } from "../../src/wire/dispatch.ts";
import { ask, enqueue, incoming, quiet, recordsIn, verdictOf } from "./desk.ts";
import { diedMidAnswer, refusedConnection, said, timedOut, yes } from "./scripted-podium.ts";
import { useDesks } from "./use-desks.ts";

const open = useDesks();
afterEach(() => void jest.useRealTimers());

function answered(answer: Dispatched | Problem): Dispatched {
  if (answer instanceof Problem) throw answer;
  return answer;
}

function refused(answer: Dispatched | Problem): Problem {
  if (answer instanceof Problem) return answer;
  throw new Error("expected a refusal");
}

/** Lets the pauses between tries pass without waiting for them. */
async function patiently<T>(work: Promise<T>): Promise<T> {
  const ended = { yes: false };
  void work.finally(() => (ended.yes = true));
  while (!ended.yes) {
    await quiet();
    jest.advanceTimersByTime(1000);
  }
  return work;
}

test("the intent is durable in the file before Podium hears of it, and the outcome before the caller does", async () => {
  const desk = await open();
  let onDisk: string[] = [];
  desk.podium.rule = ({ auditId }) => {
    onDisk = recordsIn(desk.dir).flatMap((record) => (record.audit_id === auditId ? [record.event] : []));
    return said(200, '{"success":true,"position":3}');
  };
  const { job, podiumResult, replayed } = answered(await ask(desk, incoming(enqueue("STORY-001"))));
  expect(onDisk).toEqual(["intent"]);
  expect([podiumResult, replayed]).toEqual(['{"success":true,"position":3}', false]);
  const records = desk.records().filter(({ audit_id }) => audit_id === job.audit_id);
  expect(records.map(({ event, result }) => [event, result])).toEqual([
    ["intent", undefined],
    ["outcome", "queued"],
  ]);
  expect(records[0]).toMatchObject({ seq: job.receipt.seq, hash: job.receipt.hash, user_id: "mark", source: "test" });
  expect(desk.podium.words).toEqual(["ENQUEUE_STORY STORY-001"]);
});

test("forwards are one at a time, in order of arrival", async () => {
  const desk = await open();
  const stories = Array.from({ length: 20 }, (_, i) => `STORY-${i}`);
  const answers = stories.map((story) => ask(desk, incoming(enqueue(story))));
  for (const story of stories) {
    const pending = await desk.podium.next();
    await quiet();
    expect(desk.podium.pending).toHaveLength(1);
    expect(pending.body["storyId"]).toBe(story);
    pending.answer(yes);
  }
  const jobs = (await Promise.all(answers)).map((answer) => answered(answer).job.job_id);
  expect(new Set(jobs).size).toBe(20);
});

test("a halt goes past the lane while Podium hangs, and everything that waits is cancelled by it", async () => {
  const desk = await open();
  const hanging = ask(desk, incoming(enqueue("STORY-0")));
  const pending = await desk.podium.next();
  const waiting = ["STORY-1", "STORY-2"].map((story) => ask(desk, incoming(enqueue(story))));
  await quiet();
  desk.podium.rule = ({ body }) => (body["type"] === "HALT" ? yes : undefined);
  expect(verdictOf(await ask(desk, incoming({ action: "halt" })))).toBe("ok");
  for (const answer of await Promise.all(waiting)) {
    const { extras } = refused(answer);
    expect(verdictOf(answer)).toBe("cancelled_by_halt safe");
    const outcome = desk.records().find(({ event, audit_id }) => event === "outcome" && audit_id === extras.audit_id);
    expect(outcome).toMatchObject({ result: "failed", code: "cancelled_by_halt" });
  }
  pending.answer(yes);
  expect(verdictOf(await hanging)).toBe("ok");
  expect(desk.podium.words).toEqual(["ENQUEUE_STORY STORY-0", "HALT"]);
});

test("a client that hangs up in the lane is dropped from it, and its intent closed as not executed", async () => {
  const desk = await open();
  const first = ask(desk, incoming(enqueue("STORY-0")));
  const pending = await desk.podium.next();
  const hangUp = new AbortController();
  const second = ask(desk, incoming(enqueue("STORY-1"), "k", hangUp.signal));
  await quiet();
  hangUp.abort();
  expect(verdictOf(await second)).toBe("cancelled_by_client safe");
  pending.answer(yes);
  await first;
  const outcomes = desk.records().filter(({ event }) => event === "outcome");
  expect(outcomes.map(({ story_id, result }) => [story_id, result])).toEqual([
    ["STORY-1", "failed"],
    ["STORY-0", "queued"],
  ]);
  expect(desk.podium.words).toEqual(["ENQUEUE_STORY STORY-0"]);
});

test("a client that hangs up once its command has gone changes nothing", async () => {
  const desk = await open();
  const hangUp = new AbortController();
  const answer = ask(desk, incoming(enqueue("STORY-0"), undefined, hangUp.signal));
  const pending = await desk.podium.next();
  hangUp.abort();
  pending.answer(yes);
  expect(verdictOf(await answer)).toBe("ok");
});

const ends: readonly [string, Verdict, string, string][] = [
  ["500", said(500, '{"error":"boom"}'), "podium_invalid_response same-key", "unknown"],
  ["garbage", said(200, "<html>"), "podium_invalid_response same-key", "unknown"],
  ["nothing", said(200, ""), "podium_invalid_response same-key", "unknown"],
  ["silence", timedOut, "podium_timeout same-key", "unknown"],
  ["half an answer", diedMidAnswer, "podium_invalid_response same-key", "unknown"],
  ["409", said(409, '{"error":"done"}'), "podium_rejected safe", "rejected"],
  ["success false", said(200, '{"success":false,"error":"done"}'), "podium_rejected safe", "rejected"],
];

test.each(ends)(
  "Podium's %s reaches the caller with a true verdict, and the record",
  async (_name, verdict, expected, result) => {
    const desk = await open();
    desk.podium.rule = () => verdict;
    const answer = await ask(desk, incoming(enqueue("STORY-001")));
    expect(verdictOf(answer)).toBe(expected);
    const { extras, retry } = refused(answer);
    const outcome = desk.records().find(({ event }) => event === "outcome");
    expect(outcome).toMatchObject({ result, retry, audit_id: extras.audit_id!, job_id: extras.job_id! });
    expect(desk.podium.received).toHaveLength(1);
    expect(desk.jobs.get(extras.job_id!)?.status).toBe(result as "unknown");
  },
);

test("a refused connection is tried four times, then said to be safe to repeat", async () => {
  jest.useFakeTimers();
  const desk = await open();
  desk.podium.rule = () => refusedConnection;
  const answer = await patiently(ask(desk, incoming(enqueue("STORY-001"), "k")));
  expect(verdictOf(answer)).toBe("podium_unreachable safe");
  expect(desk.podium.received).toHaveLength(4);
  expect(desk.records().filter(({ event }) => event === "intent")).toHaveLength(1);
  // Nothing left: neither cooldown nor key stand in the way of the next try.
  desk.podium.rule = () => yes;
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("ok");
});

test.each([
  ["a yes", yes, "ok"],
  ["silence", timedOut, "podium_timeout same-key"],
])("after a refused connection %s ends the tries", async (_name, verdict, expected) => {
  jest.useFakeTimers();
  const desk = await open();
  desk.podium.rule = () => (desk.podium.received.length < 3 ? refusedConnection : verdict);
  const answer = await patiently(ask(desk, incoming(enqueue("STORY-001"))));
  expect(verdictOf(answer)).toBe(expected);
  expect(desk.podium.received).toHaveLength(3);
});

test("a halt takes back what has no connection yet", async () => {
  const desk = await open();
  const connected = Promise.withResolvers<void>();
  desk.podium.connecting = connected.promise;
  const answer = ask(desk, incoming(enqueue("STORY-1")));
  await quiet();
  desk.podium.connecting = undefined;
  desk.podium.rule = () => yes;
  expect(verdictOf(await ask(desk, incoming({ action: "halt" })))).toBe("ok");
  connected.resolve();
  expect(verdictOf(await answer)).toBe("cancelled_by_halt safe");
  expect(desk.podium.words).toEqual(["HALT"]);
});

test("a halt between two tries ends them", async () => {
  jest.useFakeTimers();
  const desk = await open();
  desk.podium.rule = ({ body }) => (body["type"] === "HALT" ? yes : refusedConnection);
  const answer = ask(desk, incoming(enqueue("STORY-001")));
  await desk.podium.arrivals(1);
  await quiet();
  await ask(desk, incoming({ action: "halt" }));
  expect(verdictOf(await patiently(answer))).toBe("cancelled_by_halt safe");
  expect(desk.podium.words).toEqual(["ENQUEUE_STORY STORY-001", "HALT"]);
});

test("a client that hangs up between two tries ends them", async () => {
  jest.useFakeTimers();
  const desk = await open();
  desk.podium.rule = () => refusedConnection;
  const hangUp = new AbortController();
  const answer = ask(desk, incoming(enqueue("STORY-001"), undefined, hangUp.signal));
  await desk.podium.arrivals(1);
  await quiet();
  hangUp.abort();
  expect(verdictOf(await patiently(answer))).toBe("cancelled_by_client safe");
  expect(desk.podium.received).toHaveLength(1);
});

test("a try that took its time in vain was the last", async () => {
  const desk = await open();
  desk.podium.rule = () => {
    desk.clock.pass(2_001);
    return refusedConnection;
  };
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"))))).toBe("podium_unreachable safe");
  expect(desk.podium.received).toHaveLength(1);
});

test("a command that was on its way when a halt came is not sent again with the previous secret", async () => {
  const desk = await open();
  const deps = { ...desk.deps, previousToken: desk.deps.token };
  desk.podium.rule = ({ body }) => (body["type"] === "HALT" ? yes : undefined);
  const answer = ask({ ...desk, deps }, incoming(enqueue("STORY-001")));
  const pending = await desk.podium.next();
  expect(verdictOf(await ask(desk, incoming({ action: "halt" })))).toBe("ok");
  pending.answer(said(401, '{"error":"token"}'));
  expect(verdictOf(await answer)).toBe("cancelled_by_halt safe");
  expect(desk.podium.words).toEqual(["ENQUEUE_STORY STORY-001", "HALT"]);
});

test("a full lane and a limit refuse before anything is recorded as an intent", async () => {
  const desk = await open({ queueLimit: 0, dispatchPerMinute: 2 });
  const first = ask(desk, incoming(enqueue("STORY-0")));
  const pending = await desk.podium.next();
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-1"))))).toBe("queue_full safe");
  pending.answer(yes);
  await first;
  desk.podium.rule = () => yes;
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-0"))))).toBe("story_cooldown safe");
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-1"))))).toBe("ok");
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-2"))))).toBe("rate_limited safe");
  await quiet();
  const records = desk.records();
  expect(records.filter(({ event }) => event === "intent")).toHaveLength(2);
  expect(records.filter(({ event }) => event === "rejected").map(({ code }) => code)).toEqual([
    "queue_full",
    "story_cooldown",
    "rate_limited",
  ]);
});

test.each([
  ["does not answer", timedOut, "podium_timeout"],
  ["answers with nonsense", said(200, "<html>"), "podium_invalid_response"],
])("a look at the status executes nothing, so it may be repeated when Podium %s", async (_name, verdict, code) => {
  const desk = await open();
  desk.podium.rule = () => verdict;
  const problem = refused(await ask(desk, incoming({ action: "status" })));
  expect(verdictOf(problem)).toBe(`${code} safe`);
  expect(problem.message).not.toContain("same Idempotency-Key");
  expect(problem.message).toContain("othing was executed");
});

test("a look at the status waits for no command", async () => {
  const desk = await open();
  const first = ask(desk, incoming(enqueue("STORY-001")));
  const pending = await desk.podium.next();
  desk.podium.rule = () => yes;
  const look = ask(desk, incoming({ action: "status" }));
  expect([desk.lane.waiting, desk.deps.looks.busy]).toEqual([0, 1]);
  expect(verdictOf(await look)).toBe("ok");
  pending.answer(yes);
  expect(verdictOf(await first)).toBe("ok");
});

test("the streams hear of a job right before Podium does", async () => {
  const desk = await open();
  const order: string[] = [];
  desk.podium.rule = () => (order.push("Podium"), yes);
  const deps = { ...desk.deps, onSend: (jobId: string) => void order.push(jobId) };
  const { job } = await dispatch(deps, incoming(enqueue("STORY-001")));
  expect(order).toEqual([job.job_id, "Podium"]);
});

test("halt, cancel and status meet neither limit nor cooldown", async () => {
  const desk = await open({ dispatchPerMinute: 1 });
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001")));
  const commands: Command[] = [
    { action: "halt" },
    { action: "status" },
    { action: "cancel_story", story_id: "STORY-001" },
  ];
  for (const command of [...commands, ...commands]) expect(verdictOf(await ask(desk, incoming(command)))).toBe("ok");
});

test("a closing lane refuses dispatches and still lets a halt through, a closed one lets nothing", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  const onItsWay = desk.lane.express();
  const closing = desk.lane.close(60_000);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"))))).toBe("shutting_down safe");
  expect(verdictOf(await ask(desk, incoming({ action: "halt" })))).toBe("ok");
  onItsWay.leave();
  await closing;
  expect(verdictOf(await ask(desk, incoming({ action: "halt" })))).toBe("shutting_down safe");
});
