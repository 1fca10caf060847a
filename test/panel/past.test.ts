import { describe, expect, test } from "bun:test";
import type { Attempt, PanelState } from "../../src/panel/web/live/store.ts";
import { initialState } from "../../src/panel/web/live/store.ts";
import { pastWords } from "../../src/panel/web/view/past.ts";

const endedMs = 1_000;
const attempt = (code: string, changes: Partial<Attempt> = {}): Attempt => ({
  command: { action: "enqueue_story", story_id: "A" },
  phase: "failed",
  startedMs: 900,
  endedMs,
  problem: { code, title: code, detail: "", retry: "safe", httpStatus: 503, faults: [] },
  ...changes,
});
const now = (facts: Partial<PanelState["facts"]>, state: Partial<PanelState> = {}): PanelState => ({
  ...initialState,
  ...state,
  facts: { ...initialState.facts, upstream: "connected", podium: "answered", ...facts },
});

describe("a message is of the past", () => {
  test.each([
    ["podium_unreachable", now({}, { statusAskedMs: 1_001 }), "Podium answers by now"],
    ["cancelled_by_halt", now({}, { statusAskedMs: 1_001 }), "The orchestrator runs by now"],
    ["audit_unavailable", now({ readyAskedMs: 1_001 }), "roxy-core takes dispatches by now"],
    ["shutting_down", now({ readyAskedMs: 1_001 }), "roxy-core takes dispatches by now"],
  ])("%s: when its cause was seen to have gone", (code, state, words) => {
    expect(pastWords(attempt(code), state)).toBe(words);
  });

  const halted = { work: { ...initialState.work, state: "halted" }, statusAskedMs: 1_001 };
  test.each([
    ["what was known before says nothing of now", "podium_unreachable", now({}, { statusAskedMs: 999 })],
    ["Podium is away", "podium_unreachable", now({ upstream: "disconnected" }, { statusAskedMs: 1_001 })],
    ["it is halted still", "cancelled_by_halt", now({}, halted)],
    ["the log is closed still", "audit_unavailable", now({ audit: "failed", readyAskedMs: 1_001 })],
    ["the disk is full still", "audit_unavailable", now({ refuses: "it is full", readyAskedMs: 1_001 })],
    ["nobody can tell", "podium_rejected", now({ readyAskedMs: 1_001 }, { statusAskedMs: 1_001 })],
  ])("not while %s", (_, code, state) => {
    expect(pastWords(attempt(code), state)).toBeUndefined();
  });

  test("never while a press is in doubt", () => {
    const state = now({}, { statusAskedMs: 1_001 });
    expect(pastWords(attempt("podium_unreachable", { earlierInDoubt: true }), state)).toBeUndefined();
  });
});
