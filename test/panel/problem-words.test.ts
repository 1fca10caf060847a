import { describe, expect, test } from "bun:test";
import type { PlainProblem } from "../../src/panel/web/api/requests.ts";
import { problemWords } from "../../src/panel/web/state/problem-words.ts";

describe("an error in plain words", () => {
  const problem = (changes: Partial<PlainProblem>): PlainProblem => ({
    code: "podium_rejected",
    title: "Podium refused the command",
    detail: "Podium refused: it is done. Nothing was executed",
    retry: "safe",
    httpStatus: 502,
    faults: [],
    ...changes,
  });

  test("says each thing once: what happened, whether it ran, what to do", () => {
    expect(problemWords(problem({}), { isCommand: true })).toEqual({
      what: "Podium refused the command",
      detail: "it is done",
      ran: "Nothing was executed.",
      remedy: "Read Podium's reason; press again when it no longer holds.",
    });
  });

  test("of a read that is not repeated by itself names the button that repeats it, where that helps", () => {
    const remedy = (changes: Partial<PlainProblem>, button?: string) =>
      problemWords(problem(changes), { isCommand: false, button }).remedy;
    expect(remedy({ code: "gateway_lost" })).toBe("It is tried again by itself.");
    expect(remedy({ code: "gateway_lost" }, "Verify now")).toBe("Press Verify now again.");
    expect(remedy({ code: "not_found", retry: "never" }, "Download proof")).toBe("");
    expect(remedy({ code: "unauthorized", retry: "never" }, "Verify now")).toStartWith("Enter the token");
  });

  test("says nothing that its title says, nor a second time that it may have run", () => {
    const unreachable = problem({
      code: "podium_unreachable",
      title: "Podium can't be reached",
      detail: "Podium can't be reached: refused. Nothing was executed",
    });
    expect(problemWords(unreachable, { isCommand: true }).detail).toBe("refused");
    const detail =
      "The command was sent and Podium's answer does not settle what it did: no answer. It may have been executed; repeat with the same Idempotency-Key only";
    const late = problem({ code: "podium_timeout", title: "Podium did not answer in time", retry: "same-key", detail });
    expect(problemWords(late, { isCommand: true }).detail).toBe("no answer");
    const failed = { code: "internal_error", title: "roxy-core failed", retry: "same-key" } as const;
    const words = "roxy-core failed; its log says more. Repeat with the same Idempotency-Key only";
    expect(problemWords(problem({ ...failed, detail: words }), { isCommand: true }).detail).toBe("its log says more");
    expect(problemWords(problem({ ...failed, detail: failed.title }), { isCommand: true }).detail).toBe(failed.title);
  });

  test("of a halt says that it did not halt, or that nobody knows, and a client without rights what gives them", () => {
    const words = (code: string, retry: PlainProblem["retry"]) =>
      problemWords(problem({ code, retry, detail: "No." }), { isCommand: true, isHalt: true });
    expect(words("podium_rejected", "safe")).toMatchObject({
      what: "NOT HALTED",
      detail: "Podium refused the command: No.",
      ran: "",
    });
    expect(words("podium_timeout", "same-key").what).toBe("Not known whether it halted");
    expect(words("unauthorized", "never").remedy).toBe("Enter the token that roxy-core asks for.");
  });

  test("leaves out what is meant for programs", () => {
    const detail = "Podium refused: it is done. Nothing was executed; to try again use a new Idempotency-Key, or none";
    expect(problemWords(problem({ detail }), { isCommand: true }).detail).toBe("it is done");
  });

  test("never says that nothing ran when that is not known", () => {
    const { ran, remedy } = problemWords(problem({ code: "podium_timeout", retry: "same-key" }), { isCommand: true });
    expect(ran).toBe("It is not known whether it ran.");
    expect(remedy).toContain("same key");
  });

  test("never says that nothing ran when a press before this one may have, and promises a key only where it helps", () => {
    const words = (code: string) =>
      problemWords(problem({ code, retry: "never" }), { isCommand: true, earlierInDoubt: true });
    expect(words("unauthorized").ran).toBe("The press before it may have run: that is not known yet.");
    expect(words("unauthorized").remedy).toMatch(/^Enter the token.*the same key is kept/);
    expect(words("idempotency_mismatch").remedy).toBe(
      "It was pressed under another name before: sign in as then, or press in a new tab.",
    );
  });

  test("names the wait that was asked for, and the field that is wrong", () => {
    const wait = problem({ code: "story_cooldown", retryAfterS: 5 });
    expect(problemWords(wait, { isCommand: true })).toMatchObject({ waitS: 5, remedy: "" });
    expect(problemWords(wait, { isCommand: true, earlierInDoubt: true }).remedy).toStartWith("When you press again");
    expect(problemWords(problem({}), { isCommand: true }).waitS).toBeUndefined();
    const faults = [{ pointer: "/payload/story_id", detail: "Expected letters" }];
    expect(problemWords(problem({ faults }), { isCommand: true }).detail).toBe("story_id: Expected letters");
  });
});
