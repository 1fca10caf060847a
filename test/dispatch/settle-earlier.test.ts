import { expect, test } from "bun:test";
import { Problem } from "../../src/lib/errors.ts";
import type { Command } from "../../src/wire/dispatch.ts";
import type { Desk } from "./desk.ts";
import { ask, enqueue, incoming, settleMs, verdictOf } from "./desk.ts";
import { said, timedOut, yes } from "./scripted-podium.ts";
import { useDesks } from "./use-desks.ts";

const story = "STORY-001";
const open = useDesks();

const shows = (status: string) => said(200, `{"stories":[{"storyId":"${story}","status":"${status}"}]}`);
const silent = said(200, "{}");

/** Commands go unanswered; a question gets this answer. */
function unanswered(desk: Desk, status = silent): void {
  desk.podium.rule = ({ request }) => (request.method === "GET" ? status : timedOut);
}

/** Commands are taken; a question gets this answer. */
function answering(desk: Desk, status = silent): void {
  desk.podium.rule = ({ request }) => (request.method === "GET" ? status : yes);
}

const commands = ({ podium }: Desk): number => podium.words.filter((word) => !word.startsWith("GET")).length;

const wishes: readonly Command[] = [
  enqueue(story),
  { action: "apply_plan", plan_id: "SKOREQ-XXX", nonce: "n" },
  { action: "enqueue_plan", plan_id: "SKOREQ-XXX" },
];

for (const wish of wishes) {
  test(`${wish.action}: when Podium says nothing of the last one, a new wish is sent once that one can't come true any more, and says so`, async () => {
    const desk = await open();
    unanswered(desk);
    await ask(desk, incoming(wish, "first"));
    answering(desk);
    desk.clock.pass(settleMs - 1);
    expect(verdictOf(await ask(desk, incoming(wish, "second")))).toBe("story_cooldown safe");
    desk.clock.pass(1);
    const answer = await ask(desk, incoming(wish, "second"));
    if (answer instanceof Problem) throw answer;
    const words = "Sent although Podium does not tell what became of JOB-20260109-001";
    expect(answer.job.detail).toBe(words);
    const intents = desk.records().filter(({ event }) => event === "intent");
    expect(intents.map(({ detail }) => detail)).toEqual([undefined, words]);
    expect(desk.podium.words.map((word) => word.startsWith("GET"))).toEqual([false, true, true, false]);
  });

  test(`${wish.action}: under its own key nothing is ever sent on a guess, and the answer says what would`, async () => {
    const desk = await open();
    unanswered(desk);
    await ask(desk, incoming(wish, "first"));
    answering(desk);
    for (let i = 0; i < 3; i++) {
      desk.clock.pass(settleMs);
      const answer = await ask(desk, incoming(wish, "first"));
      expect(verdictOf(answer)).toBe("podium_timeout same-key");
      expect((answer as Problem).message).toContain("A new key is a new wish: it may run a second time");
    }
    expect(commands(desk)).toBe(1);
  });
}

const plan: Command = { action: "enqueue_plan", plan_id: "SKOREQ-XXX" };
const ofPlan = { storyId: story, planId: "SKOREQ-XXX", status: "in_progress" };
const showing = (...nodes: readonly object[]) => said(200, JSON.stringify({ nodes }));

test("that a story of it runs which nothing else can have started settles a plan in doubt at once", async () => {
  const desk = await open();
  answering(desk);
  await ask(desk, incoming({ ...plan, plan_id: "SKOREQ-YYY" }));
  desk.podium.rule = () => said(409, "{}");
  await ask(desk, incoming(plan, "refused"));
  await ask(desk, incoming(enqueue(story), "refused, too"));
  desk.clock.pass(5_000);
  unanswered(desk, showing(ofPlan));
  await ask(desk, incoming(plan, "in doubt"));
  expect(verdictOf(await ask(desk, incoming(plan, "in doubt")))).toBe("ok");
  expect(commands(desk)).toBe(4);
});

const { storyId: _, ...byItself } = ofPlan;
const notOfIt: readonly (readonly [string, Command | undefined, object])[] = [
  ["its own word, which may tell of another step", undefined, byItself],
  ["an agent of it", undefined, { ...byItself, id: "agent-1" }],
  ["a story of it that is as it was", undefined, { ...ofPlan, status: "todo" }],
  ["a story of another plan", undefined, { ...ofPlan, planId: "SKOREQ-YYY" }],
  [
    "a story that is as it was in it, and runs for another plan",
    undefined,
    [
      { ...ofPlan, planId: "SKOREQ-YYY" },
      { ...ofPlan, status: "todo" },
    ],
  ],
  [
    "a story that runs elsewhere, and is done in it",
    undefined,
    { currentStory: story, of: { ...ofPlan, status: "done" } },
  ],
  ["a story of it that was dispatched by itself", enqueue(story), ofPlan],
  ["a story of an earlier run of it", plan, ofPlan],
];
for (const [what, earlier, node] of notOfIt) {
  test(`nothing is proven of a plan in doubt by ${what}`, async () => {
    const desk = await open();
    answering(desk);
    if (earlier) await ask(desk, incoming(earlier, "earlier"));
    // A plan that is called ended may have stories that go on.
    const ended = { event: "job", job_id: "JOB-20260109-001", plan_id: "SKOREQ-XXX", podium_status: "done" } as const;
    if (earlier === plan) await desk.log.append(ended);
    desk.clock.pass(settleMs);
    unanswered(desk, showing(node));
    await ask(desk, incoming(plan, "in doubt"));
    desk.clock.pass(settleMs);
    const before = commands(desk);
    expect(verdictOf(await ask(desk, incoming(plan, "in doubt")))).toBe("podium_timeout same-key");
    expect(commands(desk)).toBe(before);
  });
}

test("a key found not executed is not sent while a later dispatch of the story is in doubt", async () => {
  const desk = await open();
  unanswered(desk);
  await ask(desk, incoming(enqueue(story), "first"));
  desk.clock.pass(settleMs);
  await ask(desk, incoming(enqueue(story), "second"));
  expect(commands(desk)).toBe(2);
  answering(desk, shows("todo"));
  desk.clock.pass(5_000);
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "first")))).toBe("story_cooldown safe");
  expect(commands(desk)).toBe(2);
  desk.clock.pass(settleMs);
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "first")))).toBe("ok");
  expect(commands(desk)).toBe(3);
});

const undoing: readonly Command[] = [
  { action: "cancel_story", story_id: story },
  { action: "halt" },
  { action: "apply_plan", plan_id: "SKOREQ-XXX", nonce: "n" },
];
for (const undo of undoing) {
  test(`${undo.action}: what it may have put back is not taken for never executed`, async () => {
    const desk = await open();
    unanswered(desk);
    await ask(desk, incoming(enqueue(story), "first"));
    answering(desk, shows("todo"));
    expect(verdictOf(await ask(desk, incoming(undo)))).toBe("ok");
    desk.clock.pass(settleMs);
    expect(verdictOf(await ask(desk, incoming(enqueue(story), "first")))).toBe("podium_timeout same-key");
    expect(commands(desk)).toBe(2);
    expect(verdictOf(await ask(desk, incoming(enqueue(story), "second")))).toBe("ok");
  });
}

test("a cancel that Podium refused, or of another story, has put nothing back", async () => {
  const desk = await open();
  unanswered(desk);
  await ask(desk, incoming(enqueue(story), "first"));
  desk.podium.rule = ({ request }) => (request.method === "GET" ? shows("todo") : said(409, "{}"));
  await ask(desk, incoming({ action: "cancel_story", story_id: story }));
  answering(desk, shows("todo"));
  await ask(desk, incoming({ action: "cancel_story", story_id: "STORY-002" }));
  desk.clock.pass(settleMs);
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "first")))).toBe("ok");
});

test("nor is one that a later dispatch has found not executed, while that one is in doubt itself", async () => {
  const desk = await open();
  unanswered(desk, shows("todo"));
  await ask(desk, incoming(enqueue(story), "first"));
  desk.clock.pass(settleMs);
  await ask(desk, incoming(enqueue(story), "second"));
  expect(desk.jobs.get("JOB-20260109-001")?.status).toBe("failed");
  expect(commands(desk)).toBe(2);
  desk.clock.pass(5_000);
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "first")))).toBe("story_cooldown safe");
  expect(commands(desk)).toBe(2);
});

test("staging executes nothing, so its unknown outcome is said again unasked, and its key stays its own", async () => {
  const desk = await open();
  const prepare: Command = { action: "prepare_apply", plan_id: "SKOREQ-XXX" };
  unanswered(desk);
  expect(verdictOf(await ask(desk, incoming(prepare, "k")))).toBe("podium_timeout same-key");
  answering(desk);
  expect(verdictOf(await ask(desk, incoming(prepare, "k")))).toBe("story_cooldown same-key");
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "k")))).toBe("idempotency_mismatch never");
  desk.clock.pass(5_000);
  expect(verdictOf(await ask(desk, incoming(prepare, "k")))).toBe("ok");
  expect(verdictOf(await ask(desk, incoming(prepare, "k")))).toBe("ok");
  expect(desk.podium.received.map(({ request }) => request.method)).toEqual(["POST", "POST"]);
});

test("a cancel in doubt that a full lane turned away still does not stop what was started after it", async () => {
  const desk = await open({ queueLimit: 0 });
  const cancel: Command = { action: "cancel_story", story_id: story };
  unanswered(desk);
  await ask(desk, incoming(cancel, "k"));
  desk.podium.rule = () => undefined;
  const other = ask(desk, incoming(enqueue("STORY-002")));
  const pending = await desk.podium.next();
  expect(verdictOf(await ask(desk, incoming(cancel, "k")))).toBe("queue_full same-key");
  pending.answer(yes);
  expect(verdictOf(await other)).toBe("ok");
  desk.podium.rule = () => yes;
  expect(verdictOf(await ask(desk, incoming(enqueue(story))))).toBe("ok");
  expect(verdictOf(await ask(desk, incoming(cancel, "k")))).toBe("podium_timeout same-key");
  expect(commands(desk)).toBe(3);
});

test("while an earlier run goes on, that the story runs proves nothing of a later dispatch", async () => {
  const desk = await open();
  answering(desk);
  await ask(desk, incoming(enqueue(story), "runs"));
  desk.clock.pass(settleMs);
  unanswered(desk);
  await ask(desk, incoming(enqueue(story), "in doubt"));
  answering(desk, shows("in_progress"));
  desk.clock.pass(settleMs - 1);
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "third")))).toBe("story_cooldown safe");
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "in doubt")))).toBe("podium_timeout same-key");
  expect(commands(desk)).toBe(2);
});

test("without an earlier run, that the story runs settles it at once", async () => {
  const desk = await open();
  unanswered(desk);
  await ask(desk, incoming(enqueue(story), "in doubt"));
  answering(desk, shows("in_progress"));
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "in doubt")))).toBe("ok");
  expect(commands(desk)).toBe(1);
});

test("what Podium saw before a dispatch could no longer come true proves nothing, however late it says so", async () => {
  const desk = await open();
  unanswered(desk);
  await ask(desk, incoming(enqueue(story), "k"));
  desk.podium.rule = () => undefined;
  desk.clock.pass(settleMs - 1);
  const again = ask(desk, incoming(enqueue(story), "k"));
  const question = await desk.podium.next();
  desk.clock.pass(settleMs);
  question.answer(shows("todo"));
  expect(verdictOf(await again)).toBe("podium_timeout same-key");
  expect(commands(desk)).toBe(1);
});

test("a question that was on its way before is not the answer for who comes later", async () => {
  const desk = await open();
  unanswered(desk);
  await ask(desk, incoming(enqueue(story), "k"));
  await ask(desk, incoming(enqueue("STORY-002"), "other"));
  desk.podium.rule = () => undefined;
  desk.clock.pass(settleMs - 1);
  const other = ask(desk, incoming(enqueue("STORY-002"), "other"));
  const early = await desk.podium.next();
  desk.clock.pass(1);
  const again = ask(desk, incoming(enqueue(story), "k"));
  early.answer(shows("todo"));
  expect(verdictOf(await other)).toBe("podium_timeout same-key");
  const late = await desk.podium.next();
  answering(desk);
  late.answer(shows("queued"));
  expect(verdictOf(await again)).toBe("ok");
  expect(commands(desk)).toBe(2);
});

test("that a story runs proves nothing of one dispatch in doubt while another of it is in doubt", async () => {
  const desk = await open();
  unanswered(desk);
  await ask(desk, incoming(enqueue(story), "first"));
  desk.clock.pass(settleMs);
  await ask(desk, incoming(enqueue(story), "second"));
  unanswered(desk, shows("in_progress"));
  desk.clock.pass(settleMs);
  for (const key of ["first", "second"]) {
    expect(verdictOf(await ask(desk, incoming(enqueue(story), key)))).toBe("podium_timeout same-key");
  }
  const ids = { audit_id: desk.jobs.unsettledOf(`story ${story}`)!.audit_id, job_id: "JOB-20260109-002" };
  await desk.log.append({ event: "job", ...ids, action: "enqueue_story", story_id: story, podium_status: "queued" });
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "second")))).toBe("podium_timeout same-key");
  expect(commands(desk)).toBe(2);
});

test("that a story runs proves nothing of an old dispatch in doubt when a later one was taken", async () => {
  const desk = await open();
  unanswered(desk);
  await ask(desk, incoming(enqueue(story), "first"));
  desk.clock.pass(settleMs);
  answering(desk);
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "second")))).toBe("ok");
  answering(desk, shows("in_progress"));
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "first")))).toBe("podium_timeout same-key");
  expect(desk.jobs.get("JOB-20260109-001")?.status).toBe("unknown");
  expect(commands(desk)).toBe(2);
});

test("who was asking about one dispatch in doubt asks about the next, when that has come into doubt meanwhile", async () => {
  const desk = await open();
  unanswered(desk);
  await ask(desk, incoming(enqueue(story), "first"));
  desk.clock.pass(settleMs);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? silent : undefined);
  const second = ask(desk, incoming(enqueue(story), "second"));
  const forward = await desk.podium.next();
  desk.podium.rule = () => undefined;
  const third = ask(desk, incoming(enqueue(story), "third"));
  await desk.podium.arrivals(4);
  const question = desk.podium.pending[1]!;
  unanswered(desk);
  forward.answer(timedOut);
  expect(verdictOf(await second)).toBe("podium_timeout same-key");
  desk.clock.pass(5_000);
  question.answer(silent);
  expect(verdictOf(await third)).toBe("story_cooldown safe");
  expect(commands(desk)).toBe(2);
  desk.clock.pass(settleMs);
  answering(desk);
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "third")))).toBe("ok");
});
