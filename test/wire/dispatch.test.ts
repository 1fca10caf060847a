import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Action } from "../../src/wire/dispatch.ts";
import {
  actions,
  dispatchRequestSchema,
  idPattern,
  isExecuting,
  isLimited,
  optionsBytesMax,
  subjectOf,
} from "../../src/wire/dispatch.ts";
import { faultsOf } from "../../src/wire/problem.ts";

const payloads: Readonly<Record<Action, object | undefined>> = {
  enqueue_story: { story_id: "STORY-001" },
  cancel_story: { story_id: "STORY-001" },
  prepare_apply: { plan_id: "SKOREQ-XXX" },
  apply_plan: { plan_id: "SKOREQ-XXX", nonce: "abc" },
  enqueue_plan: { plan_id: "SKOREQ-XXX" },
  halt: undefined,
  status: undefined,
};

function pointersOf(body: unknown): string[] {
  const parsed = dispatchRequestSchema.safeParse(body);
  return parsed.success ? [] : faultsOf(parsed.error).map(({ pointer }) => pointer);
}

const enqueue = (payload: object) => ({ action: "enqueue_story", payload: { story_id: "S", ...payload } });

describe("dispatchRequestSchema", () => {
  test("takes each action with its payload, and changes nothing in it", () => {
    for (const action of actions) {
      const payload = payloads[action];
      const body = { action, ...(payload && { payload }), source: "cli", auth: { user_id: "mark", session_id: "x" } };
      expect(dispatchRequestSchema.parse(body)).toEqual(body as never);
    }
  });

  test("refuses each action's payload with a key of its own missing or a stranger's added, by name", () => {
    for (const action of actions) {
      const payload = payloads[action] ?? {};
      for (const key of Object.keys(payload)) {
        const without = Object.fromEntries(Object.entries(payload).filter(([name]) => name !== key));
        expect(pointersOf({ action, payload: without })).toEqual([`/payload/${key}`]);
      }
      expect(pointersOf({ action, payload: { ...payload, force: true } })).toEqual(["/payload/force"]);
      expect(pointersOf({ action, payload, "a/b~c": 1 })).toEqual(["/a~1b~0c"]);
    }
  });

  test("takes the ids of the orchestrator's vocabulary", () => {
    for (const id of [
      "STORY-001",
      "LUNO-026-STORY-033",
      "SKOREQ-OBS-EPIC-001-STORY-002",
      "a",
      "0",
      "a.b_c:d-e",
      "x".repeat(128),
    ]) {
      expect(pointersOf(enqueue({ story_id: id }))).toEqual([]);
    }
  });

  test("takes an id exactly when each of its characters is allowed", () => {
    const allowed = /^[A-Za-z0-9]$/;
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 130, unit: "binary" }), (id) => {
        const good =
          allowed.test(id[0]!) && id.length <= 128 && id.split("").every((c) => allowed.test(c) || "._:-".includes(c));
        expect(idPattern.test(id)).toBe(good);
        expect(pointersOf(enqueue({ story_id: id })).length === 0).toBe(good);
      }),
    );
  });

  test("refuses ids that end in a newline: `$` is no end of a line here", () => {
    expect(idPattern.test("STORY-001\n")).toBe(false);
  });

  test("takes flat options of strings, booleans and integers, and nothing else", () => {
    const option = fc.oneof(fc.string(), fc.boolean(), fc.maxSafeInteger());
    const key = fc
      .stringMatching(/^[a-z_][a-zA-Z0-9_]{0,10}$/)
      .filter((name) => !/^(type|story_?id|plan_?id|nonce|constructor|prototype|__proto__)$/i.test(name));
    fc.assert(
      fc.property(fc.dictionary(key, option, { maxKeys: 5, noNullPrototype: true }), (options) => {
        expect(pointersOf(enqueue({ options }))).toEqual([]);
      }),
    );
    for (const bad of [1.5, 2 ** 53, null, {}, [], Number.NaN])
      expect(pointersOf(enqueue({ options: { a: bad } }))).toEqual(["/payload/options/a"]);
    for (const options of [null, [], "a", 1]) expect(pointersOf(enqueue({ options }))).toEqual(["/payload/options"]);
  });

  test("refuses options of a status: it is asked for without a body, so they would reach nobody", () => {
    expect(pointersOf({ action: "halt", payload: { options: { a: 1 } } })).toEqual([]);
    for (const options of [{ a: 1 }, {}, null]) {
      expect(pointersOf({ action: "status", payload: { options } })).toEqual(["/payload/options"]);
    }
    expect(pointersOf({ action: "status", payload: {} })).toEqual([]);
  });

  test("refuses options that would be the command itself", () => {
    for (const name of [
      "type",
      "storyId",
      "planId",
      "nonce",
      "story_id",
      "plan_id",
      "constructor",
      "a b",
      "1a",
      "",
      "x".repeat(65),
    ]) {
      expect(pointersOf(enqueue({ options: { [name]: "x" } }))).toEqual([`/payload/options/${name}`]);
    }
  });

  test("bounds options in bytes, not characters", () => {
    const of = (bytes: number): object => ({ options: { a: "ä".repeat((bytes - '{"a":""}'.length) / 2) } });
    expect(pointersOf(enqueue(of(optionsBytesMax)))).toEqual([]);
    expect(pointersOf(enqueue(of(optionsBytesMax + 2)))).toEqual(["/payload/options"]);
  });

  test("takes names of one printable line", () => {
    for (const source of ["command-center", "späť", "名前", "a b", "x".repeat(128)]) {
      expect(pointersOf({ action: "halt", source })).toEqual([]);
    }
    for (const source of ["", "a\nb", "a\u0000", "\u202e", "\u200b", "x".repeat(129), 1, null]) {
      expect(pointersOf({ action: "halt", source })).toEqual(["/source"]);
      expect(pointersOf({ action: "halt", auth: { user_id: source } })).toEqual(["/auth/user_id"]);
    }
  });
});

describe("what an action is", () => {
  test("only what starts work counts against the limits, and of that only prepare_apply may be repeated", () => {
    const limited = ["enqueue_story", "prepare_apply", "apply_plan", "enqueue_plan"];
    expect(actions.filter(isLimited)).toEqual(limited as Action[]);
    expect(actions.filter(isExecuting)).toEqual(limited.filter((action) => action !== "prepare_apply") as Action[]);
  });

  test("a story is one subject whatever is done with it; a plan is one for each step", () => {
    expect(subjectOf({ action: "enqueue_story", story_id: "S" })).toBe(
      subjectOf({ action: "cancel_story", story_id: "S" }),
    );
    expect(subjectOf({ action: "apply_plan", plan_id: "P" })).not.toBe(
      subjectOf({ action: "enqueue_plan", plan_id: "P" }),
    );
    expect(subjectOf({ action: "enqueue_story", story_id: "X" })).not.toBe(
      subjectOf({ action: "enqueue_plan", plan_id: "X" }),
    );
  });
});
