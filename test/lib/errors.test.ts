import { expect, test } from "bun:test";
import { Fatal, messageOf, Problem, problemCodes } from "../../src/lib/errors.ts";

test("a problem has the status and the verdict of its code", () => {
  const problem = new Problem("podium_timeout", "no answer");
  expect([problem.status, problem.retry, problem.message]).toEqual([504, "same-key", "no answer"]);
});

test("a problem that knows better keeps its own verdict, also when it learns its ids", () => {
  const problem = new Problem("podium_rejected", "500", { retry: "same-key", retryAfterS: 3 });
  const later = problem.with({ job_id: "JOB-20260109-001" });
  expect(later.retry).toBe("same-key");
  expect(later.extras).toMatchObject({ retryAfterS: 3, job_id: "JOB-20260109-001" });
  expect(problem.extras.job_id).toBeUndefined();
});

test("no code whose outcome may be unknown is called safe", () => {
  for (const code of ["podium_timeout", "podium_invalid_response", "internal_error", "in_flight"] as const) {
    expect(problemCodes[code].retry).toBe("same-key");
  }
});

test("a fatal error ends the process with 1 unless it says otherwise", () => {
  expect(new Fatal("no").exitCode).toBe(1);
  expect(new Fatal("tampered", 4).exitCode).toBe(4);
});

test("anything thrown has words", () => {
  expect(messageOf(new Error("disk"))).toBe("disk");
  expect(messageOf("disk")).toBe("disk");
});
