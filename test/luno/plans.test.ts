import { afterEach, describe, expect, test } from "bun:test";
import fs from "node:fs";
import path from "node:path";
import { runtime } from "#runtime";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { Ledger } from "../../src/luno/ledger.ts";
import { loadApplied, nonceLifeMs, PlanDesk } from "../../src/luno/plans.ts";
import { emptyState } from "../../src/luno/state.ts";
import type { Files } from "../../src/runtime/types.ts";
import { temporaryFolder, writeStories, endAll } from "./luno-under-test.ts";

afterEach(endAll);

const by = { name: "mark", role: "admin" } as const;

function desk(files: Files = runtime.files) {
  const folder = temporaryFolder();
  const plansFolder = path.join(folder, "plans");
  const appliedFolder = path.join(folder, "applied");
  fs.mkdirSync(plansFolder);
  fs.mkdirSync(appliedFolder);
  let nowMs = 1_800_000_000_000;
  const clock: Clock = { now: () => nowMs, monotonic: () => nowMs };
  const ledger = new Ledger({
    files,
    path: path.join(folder, "state.json"),
    clock,
    log: silentLog,
    stories: [],
    state: emptyState,
  });
  const plan = (planId: string, stories: object[], named = planId): void =>
    writeStories(path.join(plansFolder, `${named}.json`), { planId, title: "A plan" }, stories);
  plan("P1", [{ storyId: "P1-A" }, { storyId: "P1-B", dependencies: ["P1-A"] }]);
  plan("P2", [{ storyId: "P2-A" }]);
  const plans = new PlanDesk({ files, plansFolder, appliedFolder, ledger, clock });
  return { plans, ledger, plan, plansFolder, appliedFolder, pass: (ms: number) => (nowMs += ms) };
}

describe("PlanDesk", () => {
  test("stages a plan without adding its stories", () => {
    const { plans, ledger } = desk();
    const { stories, nonce } = plans.prepare("P1");
    expect(stories.map(({ storyId }) => storyId)).toEqual(["P1-A", "P1-B"]);
    expect(nonce).toMatch(/^[0-9a-f]{32}$/);
    expect(ledger.stories.size).toBe(0);
    expect(plans.isStaged("P1")).toBe(true);
  });

  test("applies with the nonce: the stories are there, as todo", () => {
    const { plans, ledger } = desk();
    const applied = plans.apply("P1", plans.prepare("P1").nonce, by);
    expect(applied.stories).toEqual(["P1-A", "P1-B"]);
    expect([...ledger.stories.keys()]).toEqual(["P1-A", "P1-B"]);
    expect(ledger.state.stories["P1-A"]?.status).toBe("todo");
    expect(plans.storiesOf("P1")).toEqual(["P1-A", "P1-B"]);
  });

  test("a nonce works once", () => {
    const { plans } = desk();
    const { nonce } = plans.prepare("P1");
    plans.apply("P1", nonce, by);
    expect(() => plans.apply("P1", nonce, by)).toThrow("Cannot apply P1: this nonce was used already");
    expect(() => plans.prepare("P1")).toThrow("it is applied already");
  });

  test("a nonce works for its own plan only, and another plan's attempt does not spend it", () => {
    const { plans } = desk();
    const { nonce } = plans.prepare("P1");
    expect(() => plans.apply("P2", nonce, by)).toThrow("Cannot apply P2: this nonce belongs to another plan");
    expect(plans.apply("P1", nonce, by).planId).toBe("P1");
  });

  test("no nonce, a guessed nonce and a replaced nonce are refused", () => {
    const { plans } = desk();
    const { nonce } = plans.prepare("P1");
    expect(() => plans.apply("P1", undefined, by)).toThrow("a nonce is needed");
    expect(() => plans.apply("P1", "0".repeat(32), by)).toThrow("this nonce is not known");
    plans.prepare("P1");
    expect(() => plans.apply("P1", nonce, by)).toThrow("a newer prepare-apply has replaced this nonce");
  });

  test("a nonce expires", () => {
    const { plans, pass } = desk();
    const { nonce } = plans.prepare("P1");
    pass(nonceLifeMs - 1);
    expect(plans.isStaged("P1")).toBe(true);
    pass(1);
    expect(plans.isStaged("P1")).toBe(false);
    expect(() => plans.apply("P1", nonce, by)).toThrow("this nonce has expired");
  });

  test("what was staged is applied, whatever became of the file", () => {
    const { plans, plan, ledger } = desk();
    const { nonce } = plans.prepare("P1");
    plan("P1", [{ storyId: "OTHER", command: ["rm", "-rf", "/"] }]);
    plans.apply("P1", nonce, by);
    expect([...ledger.stories.keys()]).toEqual(["P1-A", "P1-B"]);
  });

  test("a nonce is not spent when the plan can't be written", () => {
    let full = true;
    const { plans, ledger } = desk({
      ...runtime.files,
      writeAtomic: (...args) => {
        if (full) throw new Error("ENOSPC");
        runtime.files.writeAtomic(...args);
      },
    });
    const { nonce } = plans.prepare("P1");
    expect(() => plans.apply("P1", nonce, by)).toThrow("Cannot apply P1: it can't be written (ENOSPC)");
    expect(ledger.state.plans).toEqual([]);
    full = false;
    expect(plans.apply("P1", nonce, by).planId).toBe("P1");
  });

  test("an applied plan is read back as it was applied", () => {
    const { plans, ledger, appliedFolder } = desk();
    plans.apply("P1", plans.prepare("P1").nonce, by);
    const stories = loadApplied(runtime.files, appliedFolder, ledger.state.plans);
    expect(stories).toEqual([...ledger.stories.values()]);
  });

  test("says which plan file is missing, broken, empty or misnamed, and where", () => {
    const { plans, plan, plansFolder } = desk();
    expect(() => plans.prepare("NONE")).toThrow(`there is no plan file ${plansFolder}/NONE.json`);
    fs.writeFileSync(path.join(plansFolder, "BROKEN.json"), "{");
    expect(() => plans.prepare("BROKEN")).toThrow("BROKEN.json: it is not valid JSON");
    plan("EMPTY", []);
    expect(() => plans.prepare("EMPTY")).toThrow("at /epics: The plan has no story");
    plan("P9", [{ storyId: "X" }], "P8");
    expect(() => plans.prepare("P8")).toThrow("at /planId: Expected P8");
    plan("LOST", [{ storyId: "X", dependencies: ["NOWHERE"] }]);
    expect(() => plans.prepare("LOST")).toThrow("/stories/0/dependencies/0: There is no story NOWHERE");
  });

  test("refuses a plan whose story another plan has brought meanwhile", () => {
    const { plans, plan } = desk();
    plan("P3", [{ storyId: "P2-A" }]);
    const { nonce } = plans.prepare("P3");
    plans.apply("P2", plans.prepare("P2").nonce, by);
    expect(() => plans.apply("P3", nonce, by)).toThrow("The story P2-A exists already");
  });

  test("a plan that is not applied can't be enqueued", () => {
    expect(() => desk().plans.storiesOf("P1")).toThrow("Cannot enqueue plan P1: it is not applied");
  });
});
