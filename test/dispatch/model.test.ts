import { expect, jest, test } from "bun:test";
import fc from "fast-check";
import { Problem } from "../../src/lib/errors.ts";
import type { Command } from "../../src/wire/dispatch.ts";
import { isLimited } from "../../src/wire/dispatch.ts";
import { verdictOf } from "./desk.ts";
import type { Fault } from "./model-podium.ts";
import { faults } from "./model-podium.ts";
import type { LastWrite } from "./mortal-files.ts";
import type { Setup } from "./world.ts";
import { keyLifeMs, World } from "./world.ts";

/** Runs of each seed; more by ROXY_RUNS, another seed by ROXY_SEED. */
const numRuns = Number(process.env["ROXY_RUNS"] ?? 150);
const seeds = { fixed: 20_260_109, random: Number(process.env["ROXY_SEED"] ?? Math.floor(Math.random() * 2 ** 31)) };

interface Known {
  readonly command: Command;
  readonly verdict: string;
  readonly jobId: string | undefined;
}

/** What a caller can rely on, in one table: a key that got a final answer gives that answer for its 24 hours. */
interface Model {
  readonly final: Map<string, Known>;
}
type Step = fc.AsyncCommand<Model, World>;

const finalVerdicts = new Set(["ok", "podium_rejected safe"]);

/** A step with its name in the counterexample; it settles, and the model learns from what was told. */
function step(name: string, act: (model: Model, world: World) => unknown): Step {
  return {
    check: () => true,
    toString: () => name,
    async run(model, world) {
      await act(model, world);
      await world.settle();
      learn(model, world);
    },
  };
}

const plan = { plan_id: "SKOREQ-XXX" };
/** What is asked for. A key mostly keeps to one of them, as honest clients do; now and then it does not. */
const wishes: readonly Command[] = [
  ...["STORY-0", "STORY-1", "STORY-2"].map((story_id) => ({ action: "enqueue_story", story_id }) as const),
  { action: "prepare_apply", ...plan },
  { action: "apply_plan", ...plan, nonce: "n" },
  { action: "enqueue_plan", ...plan },
  { action: "cancel_story", story_id: "STORY-0" },
  { action: "halt" },
  { action: "status" },
];
/** Stories are what most clients want. */
const weights = [6, 6, 3, 2, 2, 2, 2, 1, 1];

function dispatchStep(wish: Command, key: string | undefined): Step {
  const name = `dispatch(${wish.action} ${wish.story_id ?? ""}, ${key ?? "no key"})`;
  return step(name, async (model, world) => {
    // The key goes along as an option, so that Podium's side can tell whose execution it saw.
    const command = key === undefined ? wish : { ...wish, options: { key } };
    const inFlight = world.live.find((live) => key !== undefined && live.key === key);
    const waiting = world.podium.waiting.length;
    forget(model, world);
    const known = model.final.get(key ?? "");
    const live = world.start(command, key);
    await world.settle();
    if (wish.action === "halt" && world.live.includes(live)) {
      expect(world.podium.waiting.some(({ arrival }) => arrival?.action === "halt")).toBe(true);
    }
    if (!usesKey(world, command)) return;
    if (known) {
      const expected = isSame(known.command, command) ? known.verdict : "idempotency_mismatch never";
      expect(live.answer && verdictOf(live.answer)).toBe(expected);
      expect(jobIdOf(live.answer)).toBe(known.jobId);
      expect(world.podium.waiting.length).toBe(waiting);
    } else if (inFlight && live.answer && usesKey(world, inFlight.command)) {
      const expected = isSame(inFlight.command, command) ? "in_flight same-key" : "idempotency_mismatch never";
      expect(verdictOf(live.answer)).toBe(expected);
    }
  });
}

/** A look needs no key, and a halt or a cancel goes without one when there is no room for more. */
function usesKey({ setup }: World, { action }: Command): boolean {
  return action !== "status" && (isLimited(action) || setup.bounds?.keysMax === undefined);
}

function isSame(one: Command, other: Command): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function answerStep(fault: Fault, tries: number, which: number): Step {
  return step(`answer(${fault}, ${tries}, ${which})`, (_model, world) => world.podium.answer(fault, tries, which));
}

function timeStep(passMs: number, stepMs: number): Step {
  return step(`time(${passMs}, ${stepMs})`, async (_model, world) => {
    // No command hangs for hours: after `podium.timeout_ms` nobody waits for it any more.
    if (passMs > 3_600_000) await world.drain("lost");
    world.pass(passMs);
    world.step(stepMs);
  });
}

function hangUpStep(which: number): Step {
  return step(`hangUp(${which})`, (_model, world) => {
    world.live[which % Math.max(1, world.live.length)]?.hangUp.abort();
  });
}

function podiumStep(what: "end" | "hear", number: number): Step {
  return step(`${what}(${number})`, (_model, world) => {
    if (what === "end") world.podium.end(`STORY-${number}`);
    else world.hear(number + 1);
  });
}

function restartStep(how: "crash" | "close", orphans: Fault, downMs: number): Step {
  return step(`${how}(${orphans}, ${downMs})`, (_model, world) => world.restart(how, orphans, downMs));
}

/** Only prepares the kill: it comes in one of the next writes, whoever makes it. */
function killStep(writes: number, last: LastWrite): Step {
  return step(`killInWrite(${writes}, ${last})`, (_model, world) => world.mortal.killIn(writes, last));
}

/** The model learns from what callers were told, and from nothing else. */
function learn(model: Model, world: World): void {
  for (const { answer, key, command } of world.told) {
    if (!answer || key === undefined || model.final.has(key) || !usesKey(world, command)) continue;
    if (!finalVerdicts.has(verdictOf(answer)) || world.isForgotten(jobIdOf(answer))) continue;
    model.final.set(key, { command, verdict: verdictOf(answer), jobId: jobIdOf(answer) });
  }
}

function forget({ final }: Model, world: World): void {
  for (const [key, { jobId }] of final) if (world.isForgotten(jobId)) final.delete(key);
}

function jobIdOf(answer: unknown): string | undefined {
  if (answer instanceof Problem) return answer.extras.job_id;
  return (answer as { job: { job_id: string } } | undefined)?.job.job_id;
}

const wish = fc.oneof(...wishes.map((command, i) => ({ weight: weights[i]!, arbitrary: fc.constant(command) })));
const dispatches = fc
  .record({ wish, keyed: fc.nat(3), strays: fc.nat(12), stray: fc.nat(wishes.length - 1) })
  .map((drawn) => {
    const own = drawn.strays === 0 ? drawn.stray : wishes.indexOf(drawn.wish);
    return dispatchStep(drawn.wish, drawn.keyed === 0 ? undefined : `key-${own}`);
  });
const fault = fc.constantFrom(...faults);
/** Milliseconds, up to a key's whole life and five minutes less than it. */
const passing = fc.constantFrom(1, 1_000, 4_999, 5_000, 30_000, 60_000, keyLifeMs - 300_000, keyLifeMs);
const stepping = fc.constantFrom(0, 0, 0, 600_000, -600_000, 3 * 86_400_000);
const ending = fc.constantFrom("crash" as const, "close" as const);
const lastWrite = fc.constantFrom("nothing" as const, "half" as const, "whole" as const);
const oldest = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(9) });

// commands() draws evenly from its list, so the weights stand one level below.
const steps = fc.commands(
  [
    fc.oneof(
      { weight: 9, arbitrary: dispatches },
      { weight: 8, arbitrary: fc.tuple(fault, fc.nat(4), oldest).map((drawn) => answerStep(...drawn)) },
      { weight: 4, arbitrary: fc.tuple(passing, stepping).map((drawn) => timeStep(...drawn)) },
      { weight: 1, arbitrary: fc.nat(9).map(hangUpStep) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.constantFrom("end", "hear"), fc.nat(2)).map((drawn) => podiumStep(...drawn)),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(ending, fault, fc.constantFrom(0, 1_000, 40_000)).map((drawn) => restartStep(...drawn)),
      },
      { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 1, max: 4 }), lastWrite).map((drawn) => killStep(...drawn)) },
    ),
  ],
  { size: "max", maxCommands: 60 },
);

/** One at a time or three, and memory for everything or for next to nothing. */
const setup: fc.Arbitrary<Setup> = fc.record({
  maxInFlight: fc.constantFrom(1, 3),
  queueLimit: fc.constantFrom(1, 1000),
  bounds: fc.constantFrom({}, { jobs: { jobsMax: 2, doubtsMax: 1 } }, { keysMax: 3 }, { undoingsMax: 1 }),
});

for (const [name, seed] of Object.entries(seeds)) {
  test(`whatever happens, nothing runs twice, everything is on record, and nobody is told a lie (${name} seed)`, async () => {
    console.log(`ROXY_RUNS=${numRuns} ROXY_SEED=${seed}`);
    jest.useFakeTimers();
    try {
      await fc.assert(
        fc.asyncProperty(setup, steps, async (drawn, commands) => {
          const world = new World(drawn);
          await world.open();
          await fc.asyncModelRun(() => ({ model: { final: new Map() }, real: world }), commands);
          await world.finish();
        }),
        { numRuns, seed },
      );
    } finally {
      jest.useRealTimers();
    }
  }, 600_000);
}
