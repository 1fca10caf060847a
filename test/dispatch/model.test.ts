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
const numRuns = Number(process.env["ROXY_RUNS"] ?? 100);
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
function dispatchStep(wish: Command, key: string | undefined): Step {
  const name = `dispatch(${wish.action} ${wish.story_id ?? ""}, ${key ?? "no key"})`;
  return step(name, async (model, world) => {
    // The key goes along as an option, so that Podium's side can tell whose execution it saw.
    const command = key === undefined ? wish : { ...wish, options: { key } };
    const inFlight = world.live.find((live) => key !== undefined && live.key === key);
    const waiting = world.podium.waiting.length;
    forget(model, world);
    const known = model.final.get(key ?? "");
    const { desk } = world;
    const live = world.start(command, key);
    await world.settle();
    // The dead tell nobody, and what waited for them is let go.
    if (world.desk !== desk) return;
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

function podiumStep(what: "end" | "hear" | "reconnect", number: number): Step {
  return step(`${what}(${number})`, async (_model, world) => {
    if (what === "reconnect") await world.reconnect();
    else if (what === "end") world.podium.end(`STORY-${number}`);
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

/** What is drawn, and how often: the numbers are weights. */
interface Profile {
  /** Of each of {@link wishes}. */
  readonly wishes: readonly number[];
  /** Keys that each wish has. Another one's is used now and then, when there is one. */
  readonly keys: number;
  readonly faults: readonly Fault[];
  /** Milliseconds, up to a key's whole life. */
  readonly passing: readonly number[];
  readonly stepping: readonly number[];
  readonly steps: Readonly<Record<"answer" | "time" | "hangUp" | "podium" | "restart" | "kill", number>>;
  readonly bounds: readonly NonNullable<Setup["bounds"]>[];
}

const profiles: Readonly<Record<string, Profile>> = {
  /** A bit of everything; stories are what most clients want. */
  everything: {
    wishes: [6, 6, 3, 2, 2, 2, 2, 1, 1],
    keys: 1,
    faults,
    passing: [1, 1_000, 4_999, 5_000, 30_000, 60_000, keyLifeMs - 300_000, keyLifeMs],
    stepping: [0, 0, 0, 600_000, -600_000, 3 * 86_400_000],
    steps: { answer: 8, time: 4, hangUp: 1, podium: 2, restart: 1, kill: 1 },
    bounds: [
      {},
      { jobs: { jobsMax: 2, charsMax: 1_000_000, doubtsMax: 1 } },
      { jobs: { jobsMax: 1000, charsMax: 50, doubtsMax: 100 } },
      { keysMax: 3 },
      { undoingsMax: 1 },
    ],
  },
  /** A story that many want, cancels and halts between, and a Podium that says a lot of it. */
  crowd: {
    wishes: [12, 2, 0, 0, 0, 0, 1, 1, 0],
    keys: 3,
    faults: ["yes", "yes", "yes", "late", "late", "lost", "500 ran", "no", "unsent"],
    passing: [5_000, 5_000, 5_000, 25_000, 30_000],
    stepping: [0],
    steps: { answer: 8, time: 4, hangUp: 0, podium: 8, restart: 1, kill: 1 },
    bounds: [{}],
  },
  /** The same over midnight, a key's life and starts that do not read everything. */
  nights: {
    wishes: [8, 2, 0, 0, 0, 0, 2, 4, 0],
    keys: 3,
    faults: ["yes", "yes", "yes", "late", "late", "lost", "500 ran", "no", "unsent"],
    passing: [5_000, 5_000, 20_000, 30_000, 57_590_000, keyLifeMs - 15_000],
    stepping: [0],
    steps: { answer: 8, time: 4, hangUp: 0, podium: 8, restart: 4, kill: 1 },
    bounds: [{}, {}, { undoingsMax: 1 }],
  },
};

function dispatchesOf({ wishes: weights, keys }: Profile): fc.Arbitrary<Step> {
  const wish = fc.oneof(...wishes.map((_, i) => ({ weight: weights[i]!, arbitrary: fc.constant(i) })));
  return fc
    .record({ wish, keyed: fc.nat(4), key: fc.nat(keys - 1), strays: fc.nat(20), stray: fc.nat(wishes.length - 1) })
    .map(({ wish: drawn, keyed, key, strays, stray }) => {
      const own = strays === 0 ? stray : drawn;
      return dispatchStep(wishes[drawn]!, keyed === 0 ? undefined : `key-${own}-${key}`);
    });
}

const ending = fc.constantFrom("crash" as const, "close" as const);
const lastWrite = fc.constantFrom("nothing" as const, "half" as const, "whole" as const);
const oldest = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(9) });
const talk = fc.constantFrom("end" as const, "hear" as const, "reconnect" as const);

// commands() draws evenly from its list, so the weights stand one level below.
function stepsOf(profile: Profile) {
  const { steps: weights } = profile;
  const fault = fc.constantFrom(...profile.faults);
  const [passing, stepping] = [fc.constantFrom(...profile.passing), fc.constantFrom(...profile.stepping)];
  const down = fc.constantFrom(0, 1_000, 40_000);
  const drawn: readonly [number, fc.Arbitrary<Step>][] = [
    [9, dispatchesOf(profile)],
    [weights.answer, fc.tuple(fault, fc.nat(4), oldest).map((one) => answerStep(...one))],
    [weights.time, fc.tuple(passing, stepping).map((one) => timeStep(...one))],
    [weights.hangUp, fc.nat(9).map(hangUpStep)],
    [weights.podium, fc.tuple(talk, fc.nat(1)).map((one) => podiumStep(...one))],
    [weights.restart, fc.tuple(ending, fault, down).map((one) => restartStep(...one))],
    [weights.kill, fc.tuple(fc.integer({ min: 1, max: 4 }), lastWrite).map((one) => killStep(...one))],
  ];
  const one = fc.oneof(...drawn.map(([weight, arbitrary]) => ({ weight, arbitrary })));
  return fc.commands([one], { size: "max", maxCommands: 60 });
}

/** One at a time or three, and memory for everything or for next to nothing. */
function setupsOf({ bounds }: Profile): fc.Arbitrary<Setup> {
  return fc.record({
    maxInFlight: fc.constantFrom(1, 3),
    queueLimit: fc.constantFrom(1, 1000),
    bounds: fc.constantFrom(...bounds),
  });
}

const cases = Object.entries(profiles).flatMap(([drawn, profile]) =>
  Object.entries(seeds).map(([name, seed]) => ({ drawn, profile, name, seed })),
);
for (const { drawn, profile, name, seed } of cases) {
  test(`whatever happens, nothing runs twice, everything is on record, and nobody is told a lie (${drawn}, ${name} seed)`, async () => {
    console.log(`ROXY_RUNS=${numRuns} ROXY_SEED=${seed}`);
    jest.useFakeTimers();
    try {
      await fc.assert(
        fc.asyncProperty(setupsOf(profile), stepsOf(profile), async (setup, commands) => {
          const world = new World(setup);
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
