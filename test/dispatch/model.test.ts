import { expect, jest, test } from "bun:test";
import fc from "fast-check";
import { Problem } from "../../src/lib/errors.ts";
import type { Command } from "../../src/wire/dispatch.ts";
import { verdictOf } from "./desk.ts";
import type { Fault } from "./model-podium.ts";
import { faults } from "./model-podium.ts";
import type { LastWrite } from "./mortal-files.ts";
import { World } from "./world.ts";

/** More runs by ROXY_RUNS, another seed by ROXY_SEED. */
const numRuns = Number(process.env["ROXY_RUNS"] ?? 150);
const seed = Number(process.env["ROXY_SEED"] ?? 20_260_109);

/** What a caller can rely on, in one table: a key that got a final answer gives that answer from then on. */
interface Model {
  readonly final: Map<string, { readonly story: string; readonly verdict: string; readonly jobId: string | undefined }>;
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

function dispatchStep(story: string, key: string | undefined): Step {
  return step(`dispatch(${story}, ${key ?? "no key"})`, async (model, world) => {
    const options = key === undefined ? {} : { options: { key } };
    const inFlight = world.live.find((live) => key !== undefined && live.key === key);
    const waiting = world.podium.waiting.length;
    const live = world.start({ action: "enqueue_story", story_id: story, ...options }, key);
    await world.settle();
    const known = model.final.get(key ?? "");
    if (known) {
      const expected = known.story === story ? known.verdict : "idempotency_mismatch never";
      expect(live.answer && verdictOf(live.answer)).toBe(expected);
      expect(jobIdOf(live.answer)).toBe(known.jobId);
      expect(world.podium.waiting.length).toBe(waiting);
    } else if (inFlight && live.answer) {
      const same = inFlight.command.story_id === story;
      expect(verdictOf(live.answer)).toBe(same ? "in_flight same-key" : "idempotency_mismatch never");
    }
  });
}

function answerStep(fault: Fault, tries: number): Step {
  return step(`answer(${fault}, ${tries})`, (_model, world) => world.podium.answer(fault, tries));
}

function timeStep(passMs: number, stepMs: number): Step {
  return step(`time(${passMs}, ${stepMs})`, (_model, world) => {
    world.pass(passMs);
    world.step(stepMs);
  });
}

function hangUpStep(which: number): Step {
  return step(`hangUp(${which})`, (_model, world) => {
    world.live[which % Math.max(1, world.live.length)]?.hangUp.abort();
  });
}

function plainStep(command: Command): Step {
  return step(command.action, async (_model, world) => {
    const live = world.start(command, undefined);
    await world.settle();
    if (command.action === "halt" && live.answer) expect(verdictOf(live.answer)).toBe("ok");
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
    if (!answer || key === undefined || model.final.has(key) || !finalVerdicts.has(verdictOf(answer))) continue;
    model.final.set(key, { story: command.story_id!, verdict: verdictOf(answer), jobId: jobIdOf(answer) });
  }
}

function jobIdOf(answer: unknown): string | undefined {
  if (answer instanceof Problem) return answer.extras.job_id;
  return (answer as { job: { job_id: string } } | undefined)?.job.job_id;
}

/** Keys mostly keep to their story, as honest clients do; now and then one does not. */
const dispatches = fc
  .record({ key: fc.option(fc.nat(3), { nil: undefined }), other: fc.nat(9), story: fc.nat(2) })
  .map(({ key, other, story }) => {
    const own = key === undefined || other === 0 ? story : key % 3;
    return dispatchStep(`STORY-${own}`, key === undefined ? undefined : `key-${key}`);
  });
const fault = fc.constantFrom(...faults);
const passing = fc.constantFrom(1, 1_000, 4_999, 5_000, 30_000, 60_000);
const stepping = fc.constantFrom(0, 0, 0, 600_000, -600_000);
const ending = fc.constantFrom("crash" as const, "close" as const);
const lastWrite = fc.constantFrom("nothing" as const, "half" as const, "whole" as const);
const cancel = (n: number): Step => plainStep({ action: "cancel_story", story_id: `STORY-${n}` });

// commands() draws evenly from its list, so the weights stand one level below.
const steps = fc.commands(
  [
    fc.oneof(
      { weight: 8, arbitrary: dispatches },
      { weight: 8, arbitrary: fc.tuple(fault, fc.nat(4)).map((drawn) => answerStep(...drawn)) },
      { weight: 4, arbitrary: fc.tuple(passing, stepping).map((drawn) => timeStep(...drawn)) },
      { weight: 1, arbitrary: fc.nat(9).map(hangUpStep) },
      { weight: 1, arbitrary: fc.constant(plainStep({ action: "halt" })) },
      { weight: 1, arbitrary: fc.nat(2).map(cancel) },
      {
        weight: 1,
        arbitrary: fc.tuple(ending, fault, fc.constantFrom(0, 1_000, 40_000)).map((drawn) => restartStep(...drawn)),
      },
      { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 1, max: 4 }), lastWrite).map((drawn) => killStep(...drawn)) },
    ),
  ],
  { size: "max", maxCommands: 60 },
);

test("whatever happens, nothing runs twice, everything is on record, and nobody is told a lie", async () => {
  jest.useFakeTimers();
  try {
    await fc.assert(
      fc.asyncProperty(steps, async (commands) => {
        const world = new World();
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
