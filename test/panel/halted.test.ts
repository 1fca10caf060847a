import { describe, expect, test } from "bun:test";
import type { ConnectionFacts } from "../../src/panel/web/state/connection.ts";
import { connectionWord } from "../../src/panel/web/state/connection.ts";
import { haltedOf } from "../../src/panel/web/state/halted.ts";
import type { Job } from "../../src/panel/web/state/jobs.ts";
import { readPodium } from "../../src/panel/web/state/read-podium.ts";
import { workAfter, workOf } from "../../src/panel/web/state/work.ts";
import { well } from "./well.ts";

const at = "2026-01-09T10:00:00.000Z";
const halt: Job = {
  jobId: "JOB-20260109-001",
  auditId: "AUD-1",
  action: "halt",
  source: "web-panel",
  userId: "mark",
  status: "queued",
  createdAt: "2026-01-09T09:59:59.990Z",
  answeredAt: "2026-01-09T10:00:00.010Z",
};
const status = (orchestrator: object) => workOf(readPodium({ orchestrator, stories: [] }));
const sinceOf = (orchestrator: object, jobs: readonly Job[] = []) =>
  haltedOf(status({ state: "halted", ...orchestrator }), jobs, (time) => time).since;

describe("a halted orchestrator", () => {
  const word = (facts: Partial<ConnectionFacts>) =>
    connectionWord({ ...well, ...facts }, (time) => time, { haltedAs: "halted", since: ` since ${at} by mark` });

  test.each([
    [{ gateway: "lost" }, "Gateway lost"],
    [{ audit: "failed" }, "Log closed"],
    [{ upstream: "disconnected", podium: "failed" }, "Podium lost"],
    [{ podium: "silent" }, "Podium silent"],
    [{ podium: "failed" }, "Halted"],
    [{ podiumHealth: "degraded" }, "Halted"],
    [{ upstream: "disconnected" }, "Halted"],
    [{ catchingUp: true }, "Halted"],
    [{}, "Halted"],
  ] as const)("is said where nothing worse is: %o is %s", (facts, said) => {
    expect(word(facts).word).toBe(said);
  });

  test("is not well because of its halt: that is not said a second time; what else is wrong is", () => {
    const line = `The orchestrator says that it is halted since ${at} by mark: what waits stays there until it is started again there.`;
    expect(word({ podiumHealth: "degraded" }).detail).toBe(`Live. ${line}`);
    expect(word({ podium: "failed", podiumDetail: "No database." }).detail).toBe(`${line} No database.`);
  });

  test("tells since when; who did it is read from the record, and is Podium's word where the record has none", () => {
    expect(sinceOf({ haltedSince: at, haltedBy: "anonymous" }, [halt])).toBe(` since ${at} by mark`);
    expect(sinceOf({ haltedSince: "2026-01-09T10:05:00.000Z", haltedBy: "ops" }, [halt])).toEndWith(" by ops");
    expect(sinceOf({ haltedSince: at }, [{ ...halt, status: "rejected" }])).toBe(` since ${at}`);
    expect(sinceOf({}, [halt])).toBe(` (the last halt through here: ${halt.createdAt} by mark)`);
    expect(sinceOf({})).toBe("");
  });

  test("is halted however it says so: by a word, by a yes, or by when; a no beside it is a no", () => {
    const saidOf = (told: object) => haltedOf(workOf(readPodium({ stories: [], ...told })), [], String).haltedAs;
    expect(saidOf({ orchestrator: { halted: true, haltedBy: "mark" } })).toBe("halted");
    expect(saidOf({ orchestrator: { state: "idle", halted: true } })).toBe("halted");
    expect(saidOf({ orchestrator: { state: "paused", halted: true } })).toBe("paused");
    expect(saidOf({ orchestrator: { haltedSince: at } })).toBe("halted");
    expect(saidOf({ success: true, halted: true })).toBe("halted");
    expect(saidOf({ orchestrator: { state: "running", haltedSince: at } })).toBeUndefined();
    expect(saidOf({ orchestrator: { halted: false, haltedSince: at } })).toBeUndefined();
    const halted = status({ halted: true, haltedSince: at });
    expect(haltedOf(workAfter(halted, readPodium({ type: "STATE", halted: false })), [], String)).toEqual({});
  });

  test("that runs again and is halted anew is not said to be halted since the first time", () => {
    const halted = status({ state: "halted", haltedSince: at });
    const frame = (state: string) => readPodium({ type: "QUEUE_UPDATE", state, queue: [] });
    expect(workAfter(halted, frame("halted")).halt).toEqual({ since: at });
    expect(workAfter(workAfter(halted, frame("running")), frame("halted")).halt).toEqual({});
  });
});
