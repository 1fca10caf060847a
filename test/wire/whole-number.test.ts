import { describe, expect, test } from "bun:test";
import { Problem } from "../../src/lib/errors.ts";
import { auditQuerySchema } from "../../src/wire/audit.ts";
import { jobsQuerySchema } from "../../src/wire/jobs.ts";
import { parseQuery } from "../../src/wire/query.ts";

/** What is wrong with a query, as its sender reads it; undefined when nothing is. */
function faultOf(schema: typeof auditQuerySchema | typeof jobsQuerySchema, query: string): string | undefined {
  const values = Object.fromEntries([...new URLSearchParams(query)].map(([name, value]) => [name, [value]]));
  try {
    parseQuery(schema, values);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    return (error as Problem).message;
  }
}

describe("a number of a URL", () => {
  test.each(["0", "201", "501", "", "%202", "2%20", "%2B2", "-1", "0x2", "1e0", "1.0", "x", "9".repeat(17)])(
    "limit=%s is refused with the range that there is",
    (limit) => {
      if (limit !== "201") {
        expect(faultOf(auditQuerySchema, `limit=${limit}`)).toBe("/limit: Expected a whole number from 1 to 500");
      }
      expect(faultOf(jobsQuerySchema, `limit=${limit}`)).toBe("/limit: Expected a whole number from 1 to 200");
    },
  );

  test.each(["", "%200", "0x0", "1e0", "-1", "9007199254740992"])("the audit's cursor=%s is none", (cursor) => {
    expect(faultOf(auditQuerySchema, `cursor=${cursor}&order=oldest`)).toBe("/cursor: Not a cursor of ours");
  });

  test("decimal digits are taken, and nothing at all is the default", () => {
    expect(auditQuerySchema.parse({ limit: "500", cursor: "0" })).toMatchObject({ limit: 500, cursor: 0 });
    expect(auditQuerySchema.parse({})).toEqual({ limit: 50, order: "newest" });
    expect(jobsQuerySchema.parse({ limit: "2" })).toEqual({ limit: 2 });
    expect(jobsQuerySchema.parse({})).toEqual({ limit: 50 });
  });
});
