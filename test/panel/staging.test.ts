import { describe, expect, test } from "bun:test";
import type { PlanStep } from "../../src/panel/web/state/staging.ts";
import { planProgress, planStage, stagingOf } from "../../src/panel/web/state/staging.ts";

describe("a plan on its way", () => {
  test("the nonce is found whatever it is called, and the stories where they stand", () => {
    const staging = stagingOf({ staged: { stories: [{ storyId: "A" }] }, confirmation: { applyNonce: "n-1" } });
    expect(staging.nonce).toBe("n-1");
    expect(staging.stories.map(({ id }) => id)).toEqual(["A"]);
  });

  const job = (number: string, action: string, status = "queued") => ({
    auditId: "AUD-1",
    source: "test",
    createdAt: "2026-01-09T10:00:00.000Z",
    jobId: `JOB-20260109-${number}`,
    action,
    planId: "P",
    status,
  });
  const prepared = (number: string, nonce: string) => ({ ...job(number, "prepare_apply"), prepared: { nonce } });

  test("what counts is the newest step, from wherever it came", () => {
    const own = (number: string, nonce: string): PlanStep[] => [
      { jobId: `JOB-20260109-${number}`, action: "prepare_apply", endedMs: 5, result: { nonce } },
    ];
    const nonce = (...args: Parameters<typeof planProgress>) => planProgress(...args).step?.result?.["nonce"];
    const refused = { ...prepared("1002", "no"), status: "rejected" };
    const jobs = [refused, prepared("1000", "b"), prepared("999", "a")];
    expect(nonce("P", jobs)).toBe("b");
    expect(planProgress("Q", jobs)).toEqual({ step: undefined, inDoubt: false });
    expect(nonce("P", jobs, own("999", "a"))).toBe("b");
    expect(nonce("P", jobs, own("1003", "c"))).toBe("c");
    expect(nonce("P", [], own("001", "a"))).toBe("a");
    expect(planProgress("P", jobs, own("1000", "b")).step?.endedMs).toBe(5);
    expect(planProgress("P", [job("1001", "apply_plan"), ...jobs]).step?.action).toBe("apply_plan");
  });

  test("a step whose end nobody knows is in doubt until a later one was taken", () => {
    const unknown = job("002", "apply_plan", "unknown");
    expect(planProgress("P", [unknown, prepared("001", "a")]).inDoubt).toBe(true);
    expect(planProgress("P", [prepared("003", "b"), unknown]).inDoubt).toBe(false);
    expect(planProgress("P", [job("002", "prepare_apply", "unknown"), prepared("001", "a")]).inDoubt).toBe(false);
  });

  describe("stands where the later of both says, Podium's word or the newest step", () => {
    const step = (action: string, endedMs = 0, inDoubt = false) => ({
      step: { jobId: "JOB-1", action, endedMs },
      inDoubt,
    });
    const nothing = { inDoubt: false };
    test.each([
      ["nothing is known", undefined, nothing, "new"],
      ["only Podium knows", "applied", nothing, "applied"],
      ["Podium says nothing of it", "available", step("prepare_apply"), "staged"],
      ["Podium was asked before", "staged", step("apply_plan", 20), "applied"],
      ["Podium was asked before", "applied", step("enqueue_plan", 20), "enqueued"],
      ["it has gone on since", "running", step("apply_plan", 5), "enqueued"],
      ["it has gone on elsewhere", "done", step("apply_plan"), "enqueued"],
      ["what was enqueued is over", "applied", step("enqueue_plan", 5), "applied"],
      ["the word is from before the step", "staged", step("apply_plan"), "applied"],
      ["prepared again", "applied", step("prepare_apply", 5), "staged"],
      ["prepared, and perhaps applied", "applied", step("prepare_apply", 5, true), "applied"],
      ["prepared, and perhaps not applied", "staged", step("prepare_apply", 5, true), "staged"],
    ] as const)("%s: %s", (_, word, progress, stage) => {
      expect(planStage(word, progress, 10)).toBe(stage);
    });
  });
});
