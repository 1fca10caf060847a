import { describe, expect, test } from "bun:test";
import { newestStaging, planStage, stagingOf } from "../../src/panel/web/state/staging.ts";

describe("a plan on its way", () => {
  test("the nonce is found whatever it is called, and the stories where they stand", () => {
    const staging = stagingOf({ staged: { stories: [{ storyId: "A" }] }, confirmation: { applyNonce: "n-1" } });
    expect(staging.nonce).toBe("n-1");
    expect(staging.stories.map(({ id }) => id)).toEqual(["A"]);
  });

  test("what counts is the newest step, from wherever it came", () => {
    const step = (number: string, action: string) => ({
      auditId: "AUD-1",
      source: "test",
      createdAt: "2026-01-09T10:00:00.000Z",
      jobId: `JOB-20260109-${number}`,
      action,
      planId: "P",
      status: "queued",
    });
    const prepared = (number: string, nonce: string) => ({ ...step(number, "prepare_apply"), prepared: { nonce } });
    const applied = step("1001", "apply_plan");
    const refused = { ...prepared("1002", "no"), status: "rejected" };
    const jobs = [refused, prepared("1000", "b"), prepared("999", "a")];
    expect(newestStaging("P", jobs)?.nonce).toBe("b");
    expect(newestStaging("Q", jobs)).toBeUndefined();
    expect(newestStaging("P", jobs, { jobId: "JOB-20260109-999", result: { nonce: "a" } })?.nonce).toBe("b");
    expect(newestStaging("P", jobs, { jobId: "JOB-20260109-1003", result: { nonce: "c" } })?.nonce).toBe("c");
    expect(newestStaging("P", [applied, ...jobs])).toBeUndefined();
    expect(newestStaging("P", [], { jobId: "JOB-20260109-001", result: { nonce: "a" } })?.nonce).toBe("a");
  });

  test("prepared again it is staged again, whatever came before", () => {
    expect(planStage({ prepare: 3, apply: 2 }, "applied")).toBe("staged");
    expect(planStage({ prepare: 1, apply: 2 }, "staged")).toBe("applied");
    expect(planStage({}, "applied")).toBe("applied");
    expect(planStage({}, undefined)).toBe("new");
  });
});
