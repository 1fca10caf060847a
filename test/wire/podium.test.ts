import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { actions } from "../../src/wire/dispatch.ts";
import { defaultRoutes, fillRoute, readFrame, routeSchema, storyEvidence } from "../../src/wire/podium.ts";

const bodyOf = (request: { body?: string }): unknown => JSON.parse(request.body ?? "null");

describe("fillRoute", () => {
  test("fills the ids and drops the placeholders that have no value", () => {
    const route = defaultRoutes.enqueue_plan;
    expect(bodyOf(fillRoute(route, { action: "enqueue_plan", plan_id: "P", nonce: "n" }))).toEqual({
      planId: "P",
      nonce: "n",
    });
    expect(bodyOf(fillRoute(route, { action: "enqueue_plan", plan_id: "P" }))).toEqual({ planId: "P" });
  });

  test("a GET has neither body nor options", () => {
    const request = fillRoute(defaultRoutes.status, { action: "status", options: { a: 1 } });
    expect(request).toEqual({ method: "GET", path: "/api/status" });
  });

  test("fills ids into the path, of a GET too", () => {
    const route = { method: "POST", path: "/plans/{plan_id}/apply?nonce={nonce}", body: {} } as const;
    const command = { action: "apply_plan", plan_id: "A:1", nonce: "a/b?&{plan_id}" } as const;
    expect(fillRoute(route, command).path).toBe("/plans/A%3A1/apply?nonce=a%2Fb%3F%26%7Bplan_id%7D");
    const look = { method: "GET", path: "/stories/{story_id}" } as const;
    expect(fillRoute(look, { action: "cancel_story", story_id: "S.1" })).toEqual({
      method: "GET",
      path: "/stories/S.1",
    });
  });

  test("values are never templates themselves", () => {
    const command = { action: "apply_plan", plan_id: "P", nonce: "{plan_id}", options: { note: "{nonce}" } } as const;
    expect(bodyOf(fillRoute(defaultRoutes.apply_plan, command))).toEqual({
      planId: "P",
      nonce: "{plan_id}",
      note: "{nonce}",
    });
  });

  test("no option, whatever its name, replaces what the route says", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("type", "storyId", "nonce", "a", "b"), fc.string()), (options) => {
        const command = { action: "enqueue_story", story_id: "S", options } as const;
        const body = bodyOf(fillRoute(defaultRoutes.enqueue_story, command)) as object;
        expect(body).toMatchObject({ ...options, type: "ENQUEUE_STORY", storyId: "S" });
      }),
    );
  });

  test("every default route is one that a configuration may hold", () => {
    for (const action of actions) expect(routeSchema.parse(defaultRoutes[action])).toEqual(defaultRoutes[action]);
  });
});

describe("readFrame", () => {
  test("never throws, and gives a type or nothing", () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.jsonValue().map((type) => JSON.stringify({ type, storyId: type, status: type })),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const frame = readFrame(text);
        if (frame) expect(typeof frame.type).toBe("string");
        for (const value of Object.values(frame ?? {})) expect(typeof value).toBe("string");
      }),
    );
  });

  test("reads type, storyId and status, and nothing else", () => {
    const text = '{"type":"STORY_STATUS","storyId":"S","status":"done","secret":"x"}';
    expect(readFrame(text)).toEqual({ type: "STORY_STATUS", storyId: "S", status: "done" });
    const plan = { type: "PLAN_STATUS", planId: "P", status: "done" };
    expect(readFrame(JSON.stringify(plan))).toEqual(plan);
  });

  test.each(["AGENT_STATUS", "COMMAND_RESULT", "QUEUE_UPDATE", "CHECK_RESULT"])(
    "the status in a frame of type %s is not the story's, whatever it names",
    (type) => {
      const ids = { storyId: "S", planId: "P" };
      expect(readFrame(JSON.stringify({ type, ...ids, status: "failed" }))).toEqual({ type, ...ids });
    },
  );

  test("does without what has another shape", () => {
    expect(readFrame('{"type":"A","storyId":7,"status":{"word":"done"}}')).toEqual({ type: "A" });
    expect(readFrame(JSON.stringify({ type: "A", storyId: "x".repeat(129) }))).toEqual({ type: "A" });
    for (const text of [
      "",
      "null",
      "[]",
      '"A"',
      "{}",
      '{"type":1}',
      '{"type":null}',
      JSON.stringify({ type: "x".repeat(129) }),
    ]) {
      expect(readFrame(text)).toBeUndefined();
    }
  });
});

describe("storyEvidence", () => {
  const started = ["queued", "in_progress"];
  const ended = ["done", "failed", "cancelled"];
  const untouched = ["todo", "pending", "blocked"];

  test("reads Podium's words, wherever the story is named", () => {
    for (const name of ["storyId", "id"]) {
      const inside = (status: string): string => JSON.stringify({ a: [{ b: { [name]: "S", status } }] });
      for (const word of started) expect(storyEvidence(inside(word), "S")).toBe("started");
      // It may have ended in an earlier run: no proof that this one was executed, and none that it was not.
      for (const word of ended) expect(storyEvidence(inside(word), "S")).toBe("ended");
      for (const word of untouched) expect(storyEvidence(inside(word), "S")).toBe("not_started");
      for (const word of ["", "Done", "constructor"]) expect(storyEvidence(inside(word), "S")).toBe("nothing");
    }
    expect(storyEvidence('{"currentStory":"S"}', "S")).toBe("started");
  });

  test("other stories prove nothing", () => {
    expect(storyEvidence('{"stories":[{"storyId":"S-2","status":"done"}],"currentStory":"S-3"}', "S")).toBe("nothing");
    for (const json of ["null", "1", '"S"', "[]", "{}"]) expect(storyEvidence(json, "S")).toBe("nothing");
  });

  test("one place that says started outweighs all that say not, in any order", () => {
    const place = fc.record({
      storyId: fc.constantFrom("S", "T"),
      status: fc.constantFrom(...started, ...ended, ...untouched, "odd"),
    });
    const tree = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        place,
        fc.array(tie("node"), { maxLength: 4 }),
        fc.record({ a: tie("node"), b: tie("node") }),
      ),
    })).node;
    fc.assert(
      fc.property(tree, (value) => {
        const words = wordsFor("S", value);
        const expected = words.some((word) => started.includes(word))
          ? "started"
          : words.some((word) => ended.includes(word))
            ? "ended"
            : words.some((word) => untouched.includes(word))
              ? "not_started"
              : "nothing";
        expect(storyEvidence(JSON.stringify(value), "S")).toBe(expected);
      }),
    );
  });

  test("does not call a story untouched when it has not looked at everything", () => {
    const json = `{"a":{"storyId":"S","status":"done"},"b":[${"0,".repeat(150_000)}0],"c":{"id":"S","status":"todo"}}`;
    expect(storyEvidence(json, "S")).not.toBe("not_started");
  });
});

function wordsFor(story: string, value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const { storyId, status } = value as { storyId?: string; status?: string };
  const own = storyId === story && status !== undefined ? [status] : [];
  return [...own, ...Object.values(value).flatMap((inner) => wordsFor(story, inner))];
}
