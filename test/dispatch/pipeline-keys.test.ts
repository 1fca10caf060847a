import { expect, test } from "bun:test";
import type { Dispatched } from "../../src/dispatch/replay.ts";
import { Problem } from "../../src/lib/errors.ts";
import type { Desk } from "./desk.ts";
import { ask, enqueue, incoming, settleMs, verdictOf } from "./desk.ts";
import { said, timedOut, yes } from "./scripted-podium.ts";
import { useDesks } from "./use-desks.ts";

const day = 86_400_000;
const open = useDesks();

/** The same folder and time, a new process: only the file carries over. */
async function restart(desk: Desk): Promise<Desk> {
  await desk.close();
  return open({ dir: desk.dir, clock: desk.clock.rebirth() });
}

function answered(answer: Dispatched | Problem): Dispatched {
  if (answer instanceof Problem) throw answer;
  return answer;
}

function statusOf(story: string, status: string) {
  return said(200, JSON.stringify({ queue: { stories: [{ storyId: story, status }] } }));
}

test("200 equal requests with one key are one command, and everybody hears of the same job", async () => {
  const desk = await open();
  const answers = Array.from({ length: 200 }, () => ask(desk, incoming(enqueue("STORY-001"), "k")));
  (await desk.podium.next()).answer(yes);
  const heard = await Promise.all(answers);
  const winners = heard.filter((answer) => !(answer instanceof Problem));
  expect(winners).toHaveLength(1);
  const { job } = winners[0] as Dispatched;
  for (const answer of heard) {
    if (!(answer instanceof Problem)) continue;
    expect(verdictOf(answer)).toBe("in_flight same-key");
    expect(answer.extras.retryAfterS).toBe(1);
    expect(answer.extras.job_id).toBe(job.job_id);
  }
  const repeated = await Promise.all(Array.from({ length: 200 }, () => ask(desk, incoming(enqueue("STORY-001"), "k"))));
  for (const answer of repeated) {
    const { job: again, podiumResult, replayed } = answered(answer);
    expect([again.job_id, again.audit_id, podiumResult, replayed]).toEqual([
      job.job_id,
      job.audit_id,
      '{"success":true}',
      true,
    ]);
  }
  expect(desk.podium.received).toHaveLength(1);
  expect(desk.records().filter(({ event }) => event === "intent")).toHaveLength(1);
});

test("a request in flight is told which job it is", async () => {
  const desk = await open();
  const first = ask(desk, incoming(enqueue("STORY-001"), "k"));
  const pending = await desk.podium.next();
  const second = await ask(desk, incoming(enqueue("STORY-001"), "k"));
  pending.answer(yes);
  const { job } = answered(await first);
  expect(second instanceof Problem && second.extras.job_id).toBe(job.job_id);
});

test("a request in flight that Podium is first asked for has no job yet, and says why", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "first"));
  desk.podium.rule = () => undefined;
  const asking = ask(desk, incoming(enqueue("STORY-001"), "second"));
  const question = await desk.podium.next();
  const again = await ask(desk, incoming(enqueue("STORY-001"), "second"));
  expect(verdictOf(again)).toBe("in_flight same-key");
  expect((again as Problem).extras).toEqual({ retryAfterS: 1 });
  expect((again as Problem).message).toContain("it has no job yet, an earlier dispatch is being found out about first");
  question.answer(timedOut);
  await asking;
});

test("any number of cancels under new keys pass, and none keeps a keyed story from being dispatched", async () => {
  const desk = await open({ bounds: { keysMax: 3 } });
  desk.podium.rule = () => yes;
  const cancel = { action: "cancel_story", story_id: "STORY-001" } as const;
  for (let i = 0; i < 10; i++) expect(verdictOf(await ask(desk, incoming(cancel, `c${i}`)))).toBe("ok");
  for (let i = 0; i < 3; i++) expect(verdictOf(await ask(desk, incoming(enqueue(`S-${i}`), `k${i}`)))).toBe("ok");
  expect(verdictOf(await ask(desk, incoming(enqueue("S-3"), "k3")))).toBe("queue_full safe");
});

test("what goes unremembered leaves the key alone that another has taken meanwhile", async () => {
  const desk = await open({ bounds: { keysMax: 1 } });
  const cancel = { action: "cancel_story", story_id: "STORY-001" } as const;
  desk.podium.rule = () => yes;
  await ask(desk, incoming(cancel, "first"));
  desk.podium.rule = () => undefined;
  const unremembered = ask(desk, incoming(cancel, "k"));
  const slow = await desk.podium.next();
  desk.clock.pass(day);
  const second = ask(desk, incoming(cancel, "k"));
  slow.answer(yes);
  await unremembered;
  const own = await desk.podium.next();
  expect(verdictOf(await ask(desk, incoming(cancel, "k")))).toBe("in_flight same-key");
  own.answer(yes);
  expect(verdictOf(await second)).toBe("ok");
});

test("a replay meets no limit and writes nothing", async () => {
  const desk = await open({ dispatchPerMinute: 1 });
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  const before = desk.records().length;
  for (let i = 0; i < 20; i++) expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("ok");
  expect(desk.records()).toHaveLength(before);
});

test("a stored refusal is replayed as the refusal it was", async () => {
  const desk = await open();
  desk.podium.rule = () => said(409, '{"error":"STORY-001 is done"}');
  const first = await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.podium.rule = () => yes;
  const second = await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect([verdictOf(second), (second as Problem).message]).toEqual([verdictOf(first), (first as Problem).message]);
  expect(desk.podium.received).toHaveLength(1);
});

test("the same key with another nonce is a mismatch", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  const apply = (nonce: string) => ({ action: "apply_plan", plan_id: "SKOREQ-XXX", nonce }) as const;
  expect(verdictOf(await ask(desk, incoming(apply("one"), "k")))).toBe("ok");
  expect(verdictOf(await ask(desk, incoming(apply("two"), "k")))).toBe("idempotency_mismatch never");
});

test("the same key with another command, source, user or session, or other options, is a mismatch", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  const first = incoming({ ...enqueue("STORY-001"), options: { a: 1, b: true } }, "k");
  await ask(desk, first);
  const { command, asker } = first;
  for (const other of [
    { ...first, command: { ...command, story_id: "STORY-002" } },
    { ...first, command: { ...command, options: { a: 2, b: true } } },
    { ...first, command: { ...command, action: "cancel_story" as const } },
    { ...first, asker: { ...asker, source: "voice" } },
    { ...first, asker: { ...asker, user_id: "anna" } },
    { ...first, asker: { ...asker, session_id: "s" } },
  ]) {
    expect(verdictOf(await ask(desk, other))).toBe("idempotency_mismatch never");
  }
  const reordered = { ...first, command: { ...command, options: { b: true, a: 1 } } };
  expect(verdictOf(await ask(desk, reordered))).toBe("ok");
});

test("a restart in the middle of a key's life, a cooldown and the minute changes none of them", async () => {
  const desk = await open({ dispatchPerMinute: 2 });
  desk.podium.rule = () => yes;
  const { job } = answered(await ask(desk, incoming(enqueue("STORY-1"), "k")));
  desk.clock.pass(2_000);
  await ask(desk, incoming(enqueue("STORY-2")));
  desk.clock.pass(2_000);
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth(), dispatchPerMinute: 2 });
  again.podium.rule = () => yes;
  const replay = answered(await ask(again, incoming(enqueue("STORY-1"), "k")));
  expect([replay.job.job_id, replay.replayed, replay.podiumResult]).toEqual([job.job_id, true, '{"success":true}']);
  expect(verdictOf(await ask(again, incoming(enqueue("STORY-2"))))).toBe("story_cooldown safe");
  expect(verdictOf(await ask(again, incoming(enqueue("STORY-3"))))).toBe("rate_limited safe");
  again.clock.pass(56_000);
  const third = answered(await ask(again, incoming(enqueue("STORY-3"))));
  expect(third.job.job_id).toBe("JOB-20260109-003");
});

test("a look at the status under a command's key takes nothing from it, over a restart neither", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  const { job } = answered(await ask(desk, incoming(enqueue("STORY-1"), "k")));
  expect(verdictOf(await ask(desk, incoming({ action: "status" }, "k")))).toBe("ok");
  const again = await restart(desk);
  expect(answered(await ask(again, incoming(enqueue("STORY-1"), "k"))).job.job_id).toBe(job.job_id);
});

test("after silence the same key asks Podium first: started means executed, and is answered", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("podium_timeout same-key");
  desk.podium.rule = () => statusOf("STORY-001", "in_progress");
  const { job, replayed } = answered(await ask(desk, incoming(enqueue("STORY-001"), "k")));
  expect([job.job_id, job.status, replayed]).toEqual(["JOB-20260109-001", "queued", true]);
  desk.podium.rule = () => undefined;
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("ok");
  expect(desk.podium.words).toEqual(["ENQUEUE_STORY STORY-001", "GET /api/status"]);
});

test("not started proves nothing until the command can't come true any more; then it is sent anew", async () => {
  const desk = await open();
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : timedOut);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.pass(settleMs - 1);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("podium_timeout same-key");
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "other")))).toBe("story_cooldown safe");
  desk.clock.pass(1);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
  const { job } = answered(await ask(desk, incoming(enqueue("STORY-001"), "k")));
  expect(job.job_id).toBe("JOB-20260109-002");
  expect(desk.records().find(({ event }) => event === "job")).toMatchObject({ result: "failed", reason: "reconciled" });
});

for (const how of ["in one life", "over a restart"]) {
  test(`a key sent again shortly before its first use is a day old is not forgotten with that one (${how})`, async () => {
    let desk = await open();
    desk.podium.rule = () => timedOut;
    await ask(desk, incoming(enqueue("STORY-001"), "k"));
    desk.clock.pass(day - 600_000);
    desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : yes);
    const { job } = answered(await ask(desk, incoming(enqueue("STORY-001"), "k")));
    if (how === "over a restart") desk = await restart(desk);
    desk.clock.pass(day - 1);
    const again = answered(await ask(desk, incoming(enqueue("STORY-001"), "k")));
    expect([again.job.job_id, again.replayed]).toEqual([job.job_id, true]);
  });
}

test.each([
  ["does not know the story", said(200, '{"stories":[]}'), "podium_timeout same-key"],
  ["can't be asked", timedOut, "podium_unreachable same-key"],
])("when Podium %s the same key sends nothing, however often and late", async (_name, status, expected) => {
  const desk = await open();
  desk.podium.rule = ({ request }) => (request.method === "GET" ? status : timedOut);
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  for (let i = 0; i < 3; i++) {
    desk.clock.pass(settleMs);
    expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe(expected);
  }
  expect(desk.podium.words.filter((word) => word.startsWith("ENQUEUE"))).toHaveLength(1);
});

test("an unknown outcome found out for another key settles the first key too", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "first"));
  desk.clock.pass(settleMs);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "in_progress") : yes);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "second")))).toBe("ok");
  const asked = desk.podium.received.length;
  const { job, replayed } = answered(await ask(desk, incoming(enqueue("STORY-001"), "first")));
  expect([job.job_id, replayed, desk.podium.received.length]).toEqual(["JOB-20260109-001", true, asked]);
});

test("a crash on the way is an unknown outcome, is shown, and is not sent again by itself", async () => {
  const desk = await open();
  void ask(desk, incoming(enqueue("STORY-001"), "k"));
  await desk.podium.next();
  const again = await restart(desk);
  expect(again.jobs.get("JOB-20260109-001")).toMatchObject({ status: "unknown", retry: "same-key" });
  expect(again.podium.received).toEqual([]);
  again.podium.rule = () => statusOf("STORY-001", "queued");
  expect(answered(await ask(again, incoming(enqueue("STORY-001"), "k"))).job.job_id).toBe("JOB-20260109-001");
  const third = await restart(again);
  expect(third.jobs.get("JOB-20260109-001")?.status).toBe("queued");
  expect(answered(await ask(third, incoming(enqueue("STORY-001"), "k"))).replayed).toBe(true);
  expect(third.podium.received).toEqual([]);
});

test("a step of a plan whose outcome is unknown is never sent again under its key", async () => {
  const desk = await open();
  const apply = { action: "apply_plan", plan_id: "SKOREQ-XXX", nonce: "n1" } as const;
  desk.podium.rule = ({ request }) => (request.method === "GET" ? said(200, "{}") : timedOut);
  await ask(desk, incoming(apply, "k"));
  for (let i = 0; i < 3; i++) {
    desk.clock.pass(settleMs);
    expect(verdictOf(await ask(desk, incoming(apply, "k")))).toBe("podium_timeout same-key");
  }
  expect(desk.podium.received.filter(({ request }) => request.method === "POST")).toHaveLength(1);
});
