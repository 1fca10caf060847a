import { expect, test } from "bun:test";
import fc from "fast-check";
import type { StoredRecord } from "../../src/audit/record.ts";
import { Limits } from "../../src/dispatch/limits.ts";
import { Problem } from "../../src/lib/errors.ts";
import type { Command } from "../../src/wire/dispatch.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import { intentAt, outcomeAt } from "./records.ts";

const story = (number: number): Command => ({ action: "enqueue_story", story_id: `STORY-${number}` });

function limitsOf(clock: FakeClock, dispatchPerMinute = 10, storyCooldownS = 5): Limits {
  return new Limits({ dispatchPerMinute, storyCooldownS, clock });
}

/** `ok`, or the code of the refusal. */
function ask(limits: Limits, command: Command): string {
  try {
    limits.reserve(command);
    return "ok";
  } catch (error) {
    return (error as Problem).code;
  }
}

function refusal(limits: Limits, command: Command): Problem {
  try {
    limits.reserve(command);
  } catch (error) {
    if (error instanceof Problem) return error;
  }
  throw new Error("expected a refusal");
}

test("the eleventh dispatch of a minute waits until the first is a minute old, to the millisecond", () => {
  const clock = new FakeClock();
  const limits = limitsOf(clock);
  limits.reserve(story(0));
  clock.pass(1_000);
  for (let i = 1; i < 10; i++) limits.reserve(story(i));
  clock.pass(58_999);
  const { code, status, retry, extras } = refusal(limits, story(10));
  expect([code, status, retry, extras.retryAfterS]).toEqual(["rate_limited", 429, "safe", 1]);
  expect(extras.headers).toEqual({
    "RateLimit-Policy": '"dispatch";q=10;w=60',
    RateLimit: '"dispatch";r=0;t=1',
  });
  clock.pass(1);
  expect(ask(limits, story(10))).toBe("ok");
  expect(ask(limits, story(11))).toBe("rate_limited");
});

test("a story rests from when it was sent, to the millisecond", () => {
  const clock = new FakeClock();
  const limits = limitsOf(clock);
  limits.reserve(story(1));
  clock.pass(20_000);
  expect(refusal(limits, story(1)).message).toContain("still on its way");
  const sentAt = clock.monotonic();
  clock.pass(3_000);
  limits.release(story(1), sentAt);
  clock.pass(1_999);
  const { code, extras } = refusal(limits, story(1));
  expect([code, extras.retryAfterS]).toEqual(["story_cooldown", 1]);
  expect(ask(limits, story(2))).toBe("ok");
  clock.pass(1);
  expect(ask(limits, story(1))).toBe("ok");
});

test("what was never sent leaves no cooldown, but its place in the minute stays taken", () => {
  const clock = new FakeClock();
  const limits = limitsOf(clock, 2);
  limits.reserve(story(1));
  limits.release(story(1), undefined);
  expect(ask(limits, story(1))).toBe("ok");
  limits.release(story(1), undefined);
  expect(ask(limits, story(1))).toBe("rate_limited");
});

test("a refused dispatch takes no place and starts no cooldown", () => {
  const clock = new FakeClock();
  const limits = limitsOf(clock, 1);
  limits.reserve(story(1));
  for (let i = 0; i < 50; i++) expect(ask(limits, story(2))).toBe("rate_limited");
  clock.pass(60_000);
  expect(ask(limits, story(2))).toBe("ok");
});

test.each(["halt", "status", "cancel_story"] as const)("%s is never limited", (action) => {
  const limits = limitsOf(new FakeClock(), 1);
  limits.reserve(story(1));
  const command: Command = action === "cancel_story" ? { action, story_id: "STORY-1" } : { action };
  for (let i = 0; i < 20; i++) expect(ask(limits, command)).toBe("ok");
  limits.release(command, 0);
  expect(ask(limits, story(1))).toBe("story_cooldown");
});

test("the steps of a plan rest one by one", () => {
  const limits = limitsOf(new FakeClock());
  const plan = { plan_id: "SKOREQ-XXX" };
  expect(ask(limits, { action: "prepare_apply", ...plan })).toBe("ok");
  expect(ask(limits, { action: "apply_plan", ...plan, nonce: "n" })).toBe("ok");
  expect(ask(limits, { action: "enqueue_plan", ...plan })).toBe("ok");
  expect(ask(limits, { action: "prepare_apply", ...plan })).toBe("story_cooldown");
});

test("setting the clock moves neither window nor cooldown", () => {
  const clock = new FakeClock();
  const limits = limitsOf(clock, 2);
  limits.reserve(story(1));
  limits.release(story(1), clock.monotonic());
  clock.step(365 * 86_400_000);
  expect(ask(limits, story(1))).toBe("story_cooldown");
  clock.step(-2 * 365 * 86_400_000);
  expect(ask(limits, story(2))).toBe("ok");
  expect(ask(limits, story(3))).toBe("rate_limited");
  clock.pass(60_000);
  expect(ask(limits, story(1))).toBe("ok");
});

/** Limits of a new process that has read these records. */
function restored(clock: FakeClock, records: readonly StoredRecord[]): Limits {
  const limits = limitsOf(clock, 3);
  for (const record of records) limits.restore(record);
  return limits;
}

test("after a restart the minute and the cooldown go on", () => {
  const clock = new FakeClock();
  const first = intentAt(clock.now() - 59_999, 1, { story_id: "STORY-1" });
  const second = intentAt(clock.now() - 4_500, 2, { story_id: "STORY-2" });
  const third = intentAt(clock.now() - 4_000, 3, { story_id: "STORY-3" });
  const records = [
    first,
    outcomeAt(clock.now() - 59_000, first, "queued"),
    second,
    outcomeAt(clock.now() - 4_400, second, "failed"),
    third,
    outcomeAt(clock.now() - 3_000, third, "unknown"),
  ];
  const limits = restored(clock, records);
  expect(ask(limits, story(1))).toBe("rate_limited");
  expect(ask(limits, story(3))).toBe("story_cooldown");
  clock.pass(1);
  expect(ask(limits, story(2))).toBe("ok");
  clock.pass(1_998);
  expect(ask(limits, story(3))).toBe("story_cooldown");
  clock.pass(60_000);
  expect(ask(limits, story(3))).toBe("ok");
});

test("after a restart only running time counts, whatever the clock said when", () => {
  const clock = new FakeClock();
  const uptime_ms = clock.monotonic() - 100;
  const records = [-86_400_000, 86_400_000, 50].map((ms, i) =>
    intentAt(clock.now() + ms, i, { story_id: `STORY-${i}`, uptime_ms }),
  );
  const limits = restored(clock, records);
  for (let i = 0; i < 3; i++) expect(ask(limits, story(i))).toBe("story_cooldown");
  expect(ask(limits, story(7))).toBe("rate_limited");
  clock.pass(59_899);
  expect(ask(limits, story(0))).toBe("rate_limited");
  clock.pass(1);
  for (let i = 0; i < 3; i++) expect(ask(limits, story(i))).toBe("ok");
});

test("of all the records that are read back, those of the last minute count", () => {
  const clock = new FakeClock();
  const limits = limitsOf(clock, 1000);
  for (let i = 0; i < 1_000; i++) limits.restore(intentAt(clock.now() - (1_000 - i) * 1_000, i));
  expect(limits.headers()["RateLimit"]).toStartWith('"dispatch";r=941;');
});

type Step =
  | { readonly kind: "reserve"; readonly story: number }
  | { readonly kind: "release"; readonly story: number; readonly sent: boolean }
  | { readonly kind: "pass"; readonly ms: number };

const stories = fc.nat(3);
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("reserve" as const), story: stories }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("release" as const), story: stories, sent: fc.boolean() }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(1, 999, 5_000, 59_000) }),
    },
  ),
  { maxLength: 60 },
);

/** The rules as a person would say them, without a thought for speed. */
class NaiveLimits {
  readonly admitted: number[] = [];
  readonly resting = new Map<number, number>();

  ask(now: number, subject: number, perMinute: number): string {
    if ((this.resting.get(subject) ?? -Infinity) > now) return "story_cooldown";
    if (this.admitted.filter((at) => now - at < 60_000).length >= perMinute) return "rate_limited";
    this.admitted.push(now);
    this.resting.set(subject, Infinity);
    return "ok";
  }
}

test("limits say what a naive model says", () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 5 }), (schedule: readonly Step[], perMinute) => {
      const clock = new FakeClock();
      const limits = limitsOf(clock, perMinute);
      const naive = new NaiveLimits();
      for (const step of schedule) {
        const now = clock.monotonic();
        if (step.kind === "pass") clock.pass(step.ms);
        else if (step.kind === "reserve") {
          expect(ask(limits, story(step.story))).toBe(naive.ask(now, step.story, perMinute));
        } else if (naive.resting.get(step.story) === Infinity) {
          limits.release(story(step.story), step.sent ? now : undefined);
          naive.resting.set(step.story, step.sent ? now + 5_000 : -Infinity);
        }
      }
    }),
    { numRuns: 300 },
  );
});
