import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ProblemCode } from "../../src/lib/errors.ts";
import { Problem, problemCodes } from "../../src/lib/errors.ts";
import { pointerOf, problemDocument, problemSchema } from "../../src/wire/problem.ts";

describe("problemDocument", () => {
  test("every code gives a document of the published shape", () => {
    for (const code of Object.keys(problemCodes) as ProblemCode[]) {
      const bare = problemDocument(new Problem(code, "Words"));
      expect(problemSchema.parse(bare)).toEqual(bare);
      const ids = {
        audit_id: "AUD-1",
        job_id: "JOB-20260109-001",
        retryAfterS: 3,
        headers: { a: "b" },
        cause: new Error("x"),
      };
      const full = problemDocument(
        new Problem(code, "Words", { ...ids, retry: "never", errors: [{ pointer: "/a", detail: "b" }] }),
      );
      expect(problemSchema.strict().parse(full)).toEqual(full);
      expect(full).toMatchObject({ code, status: problemCodes[code].status, retry: "never", audit_id: "AUD-1" });
    }
  });
});

describe("pointerOf", () => {
  test("is undone by the rules of RFC 6901", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (path) => {
        const parts = pointerOf(path).split("/").slice(1);
        expect(parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))).toEqual(path);
      }),
    );
  });
});
