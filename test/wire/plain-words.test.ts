import { describe, expect, test } from "bun:test";
import { auditQuerySchema } from "../../src/wire/audit.ts";
import { actions, dispatchRequestSchema } from "../../src/wire/dispatch.ts";
import { jobsQuerySchema } from "../../src/wire/jobs.ts";
import { faultsOf } from "../../src/wire/problem.ts";

type Schema = typeof dispatchRequestSchema | typeof auditQuerySchema | typeof jobsQuerySchema;

function faults(schema: Schema, value: unknown): string[] {
  return faultsOf(schema.safeParse(value).error!).map(({ pointer, detail }) => `${pointer}: ${detail}`);
}

describe("what is wrong with a dispatch", () => {
  const enqueue = (payload: unknown): object => ({ action: "enqueue_story", payload });
  test.each([
    [null, ": Expected an object"],
    [[], ": Expected an object"],
    [{}, `/action: Missing: expected one of ${actions.join(", ")}`],
    [{ action: "fly" }, `/action: Expected one of ${actions.join(", ")}`],
    [{ action: 1 }, `/action: Expected one of ${actions.join(", ")}`],
    [{ action: "enqueue_story" }, "/payload: Missing"],
    [enqueue("X"), "/payload: Expected an object"],
    [enqueue({}), "/payload/story_id: Missing"],
    [enqueue({ story_id: 1 }), "/payload/story_id: Expected text"],
    [{ action: "apply_plan", payload: { plan_id: "P" } }, "/payload/nonce: Missing"],
    [enqueue({ story_id: "S", options: [] }), "/payload/options: Expected an object"],
    [
      { action: "status", payload: { options: { a: 1 } } },
      "/payload/options: Not with this action: a status is asked for without a body",
    ],
    [{ action: "halt", auth: [] }, "/auth: Expected an object"],
    [{ action: "halt", source: "" }, "/source: Expected at least one character"],
  ])("%j: %s", (body, words) => {
    expect(faults(dispatchRequestSchema, body)).toEqual([words]);
  });
});

describe("what is wrong with a query", () => {
  test.each([
    [auditQuerySchema, { user: "" }, "/user: Expected at least one character"],
    [auditQuerySchema, { source: "x".repeat(129) }, "/source: Expected at most 128 characters"],
    [auditQuerySchema, { order: "up" }, "/order: Expected one of newest, oldest"],
    [jobsQuerySchema, { user: "" }, "/user: Expected at least one character"],
    [jobsQuerySchema, { cursor: "" }, "/cursor: Not a cursor of ours"],
    [jobsQuerySchema, { action: "" }, `/action: Expected one of ${actions.join(", ")}`],
  ])("%#", (schema, query, words) => {
    expect(faults(schema, query)).toEqual([words]);
  });
});
