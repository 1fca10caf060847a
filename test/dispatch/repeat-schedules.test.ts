import { expect, test } from "bun:test";
import type { Problem } from "../../src/lib/errors.ts";
import { ask, enqueue, incoming, verdictOf } from "./desk.ts";
import { refusedConnection, said, timedOut, yes } from "./scripted-podium.ts";
import { useDesks } from "./use-desks.ts";

/** What is said again unasked, because it executes nothing: schedules that once broke a promise. */

const open = useDesks();

const cancel = { action: "cancel_story", story_id: "STORY-001" } as const;
const halt = { action: "halt" } as const;

test("a cancel in doubt that is repeated right before a dispatch is not sent behind it", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(cancel, "c"));
  desk.podium.rule = () => yes;
  const repeat = ask(desk, incoming(cancel, "c"));
  const anew = ask(desk, incoming(enqueue("STORY-001")));
  await Promise.all([repeat, anew]);
  const last = desk.podium.words.at(-1);
  expect(last).toBe("ENQUEUE_STORY STORY-001");
});

test("a cancel in doubt is not repeated behind a plan whose intent is just being written", async () => {
  const desk = await open();
  desk.podium.rule = () => yes;
  await ask(desk, incoming(enqueue("STORY-001")));
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(cancel, "c"));
  desk.podium.rule = () => yes;
  const plan = ask(desk, incoming({ action: "enqueue_plan", plan_id: "PLAN" }));
  const repeat = await ask(desk, incoming(cancel, "c"));
  await plan;
  expect(verdictOf(repeat)).toBe("podium_timeout same-key");
});

test.each([
  ["a cancel", cancel, said(409, '{"error":"not running"}'), "podium_rejected"],
  ["a halt", halt, said(409, '{"error":"already halted"}'), "podium_rejected"],
  ["a cancel", cancel, refusedConnection, "podium_unreachable"],
])(
  "%s in doubt stays in doubt, over a restart too, when its repeat comes to nothing",
  async (_name, command, no, code) => {
    const desk = await open();
    desk.podium.rule = () => timedOut;
    await ask(desk, incoming(command, "k"));
    desk.podium.rule = () => no;
    const again = await ask(desk, incoming(command, "k"));
    expect(verdictOf(again)).toBe(`${code} same-key`);
    expect((again as Problem).message).toContain("not known");
    expect((again as Problem).message).not.toContain("new Idempotency-Key");
    await desk.close();
    const later = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
    later.podium.rule = () => no;
    expect(verdictOf(await ask(later, incoming(command, "k")))).toBe(`${code} same-key`);
    later.podium.rule = () => yes;
    expect(verdictOf(await ask(later, incoming(command, "k")))).toBe("ok");
  },
);

test("a cancel in doubt stays in doubt when its repeat finds the lane full", async () => {
  const desk = await open({ queueLimit: 0 });
  desk.podium.rule = () => timedOut;
  const first = (await ask(desk, incoming(cancel, "c"))) as Problem;
  desk.podium.rule = () => undefined;
  const other = ask(desk, incoming(enqueue("STORY-002")));
  const { answer } = await desk.podium.next();
  const again = (await ask(desk, incoming(cancel, "c"))) as Problem;
  expect(verdictOf(again)).toBe("queue_full same-key");
  expect(again.message).toContain("not known");
  expect(again.extras.job_id).toBe(first.extras.job_id);
  answer(yes);
  await other;
});

test("a plan's staging in doubt stays in doubt when its repeat meets the limit", async () => {
  const desk = await open({ dispatchPerMinute: 1, storyCooldownS: 0 });
  const stage = { action: "prepare_apply", plan_id: "PLAN" } as const;
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(stage, "p"));
  expect(verdictOf(await ask(desk, incoming(stage, "p")))).toBe("rate_limited same-key");
});
