import { describe, expect, test } from "bun:test";
import { auditFilter, hasEnded, questionOf, questionWords, resultWord } from "../../src/panel/web/state/audit.ts";
import type { ConnectionFacts } from "../../src/panel/web/state/connection.ts";
import { connectionWord, factsAfterHealth, factsAfterUpstream, noFacts } from "../../src/panel/web/state/connection.ts";
import type { Told } from "../../src/panel/web/state/frames.ts";
import { afterFrame } from "../../src/panel/web/state/frames.ts";
import type { Job } from "../../src/panel/web/state/jobs.ts";
import { jobsWith, nothingUnrecorded, unrecordedAfter, unrecordedIn } from "../../src/panel/web/state/unrecorded.ts";
import { timelineOf } from "../../src/panel/web/state/timeline.ts";
import { beginning, timeWords, visibleText } from "../../src/panel/web/state/words.ts";
import { nothingKnown } from "../../src/panel/web/state/work.ts";
import type { StreamFrame } from "../../src/panel/web/api/stream.ts";
import { well } from "./well.ts";

const at = "2026-01-09T10:00:00.000Z";
const job: Job = {
  jobId: "JOB-20260109-001",
  auditId: "AUD-1",
  action: "enqueue_story",
  storyId: "A",
  source: "test",
  status: "queued",
  createdAt: at,
  answeredAt: at,
};
const way = (changes: Partial<Job>, newer?: Job): string =>
  timelineOf({ ...job, ...changes }, undefined, newer)
    .map(({ name, state }) => `${name} ${state}`)
    .join(", ");

describe("the way of a dispatch", () => {
  test.each([
    [{ status: "pending" }, "Intent done, Forwarded now, Queued ahead, Running ahead, Done ahead"],
    [{}, "Intent done, Forwarded done, Queued now, Running ahead, Done ahead"],
    [{ podiumStatus: "blocked" }, "Intent done, Forwarded done, Waiting now, Running ahead, Done ahead"],
    [{ podiumStatus: "in_progress" }, "Intent done, Forwarded done, Queued done, Running now, Done ahead"],
    [{ podiumStatus: "done" }, "Intent done, Forwarded done, Queued done, Running done, Done good"],
    [{ podiumStatus: "failed" }, "Intent done, Forwarded done, Queued done, Running done, Failed bad"],
    [{ podiumStatus: "cancelled" }, "Intent done, Forwarded done, Queued done, Cancelled left"],
    [{ status: "rejected" }, "Intent done, Forwarded done, Refused bad"],
    [{ status: "failed" }, "Intent done, Not sent bad"],
    [{ status: "unknown" }, "Intent done, Forwarded done, No answer doubt"],
    [{ action: "halt" }, "Intent done, Forwarded done, Answered good"],
  ] as const)("%o is %s", (changes, words) => {
    expect(way(changes)).toBe(words);
  });

  test("a story that a later dispatch cancelled does not look as if it ran on", () => {
    const cancel = { ...job, action: "cancel_story", podiumStatus: "cancelled" };
    expect(way({ podiumStatus: "in_progress" }, cancel)).toEndWith("Running done, Cancelled left");
  });
});

describe("the connection's word", () => {
  const good: ConnectionFacts = {
    ...noFacts,
    gateway: "up",
    stream: "open",
    upstream: "connected",
    podium: "answered",
    catchingUp: false,
  };
  test.each([
    [{}, "Live"],
    [{ gateway: "unknown" }, "Connecting"],
    [{ gateway: "lost", upstream: "disconnected" }, "Gateway lost"],
    [{ gateway: "silent" }, "Gateway silent"],
    [{ tokenNeeded: true }, "Token needed"],
    [{ tokenNeeded: true, gateway: "lost" }, "Gateway lost"],
    [{ audit: "failed", refuses: "it failed" }, "Log closed"],
    [{ refuses: "shutting down", upstream: "disconnected" }, "Takes nothing"],
    [{ upstream: "disconnected", podium: "failed" }, "Podium lost"],
    [{ upstream: "disconnected" }, "Telemetry lost"],
    [{ upstream: "disconnected", podium: "unknown" }, "Podium lost"],
    [{ upstream: "disconnected", podium: "silent" }, "Podium silent"],
    [{ podium: "silent" }, "Podium silent"],
    [{ podiumHealth: "down", podium: "unknown" }, "Podium silent"],
    [{ podiumHealth: "down" }, "Podium degraded"],
    [{ podium: "failed" }, "Podium degraded"],
    [{ podiumHealth: "degraded" }, "Podium degraded"],
    [{ podiumHealth: "degraded", podium: "failed" }, "Podium degraded"],
    [{ stream: "closed" }, "No stream"],
    [{ catchingUp: true }, "Catching up"],
    [{ behind: true }, "Behind"],
    [{ gap: { to: at } }, "Live, with a gap"],
  ] as const)("%o is %s", (changes, word) => {
    expect(connectionWord({ ...good, ...changes }, (time) => time).word).toBe(word);
  });
});

describe("an answer of Podium's", () => {
  const answered: ConnectionFacts = { ...noFacts, upstream: "connected", upstreamSince: at, podium: "answered" };
  const later = "2026-01-09T10:00:05.000Z";

  test("from before its telemetry was lost is not current; one from after it is", () => {
    const lost = factsAfterUpstream(answered, "disconnected", later);
    expect(lost).toMatchObject({ podium: "unknown", upstreamSince: later });
    expect(factsAfterUpstream({ ...lost, podium: "answered" }, "connecting", later).podium).toBe("answered");
  });

  test("from before its health check went unanswered is not current; a check from before it came back is old", () => {
    const down = factsAfterHealth(answered, "down", later);
    expect(down).toMatchObject({ podium: "unknown", podiumHealth: "down" });
    expect(factsAfterHealth({ ...down, podium: "answered" }, "down", later).podium).toBe("answered");
    const old = factsAfterHealth({ ...answered, upstreamSince: later }, "down", at);
    expect(old).toMatchObject({ podium: "answered", podiumHealth: "unknown" });
  });
});

describe("the connection's word, when all is well,", () => {
  test("names a gap, to be put away, only where it tells of it", () => {
    const gap = { gap: { to: at } };
    const isGap = (facts: Partial<ConnectionFacts>, halted = {}): boolean | undefined =>
      connectionWord({ ...well, ...facts }, (time) => time, halted).isGap;
    expect([isGap(gap), isGap(gap, { haltedAs: "halted" })]).toEqual([true, true]);
    expect([isGap({}), isGap({ ...gap, podium: "failed" }), isGap({ ...gap, behind: true })]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("still says that the orchestrator is halted, and that frames could not be passed on", () => {
    const halted = connectionWord(well, (time) => time, { haltedAs: "halted" });
    expect([halted.level, halted.word]).toEqual(["warn", "Halted"]);
    for (const [shortfall, detail] of [
      [{ gap: { to: at } }, "may be missing"],
      [{ stream: "closed" }, "live stream is away"],
    ] as const) {
      const word = connectionWord({ ...well, ...shortfall }, (time) => time, { haltedAs: "halted" });
      expect(word.word).toBe("Halted");
      expect(word.detail).toMatch(new RegExp(`says that it is halted.*${detail}`));
    }
    const { facts } = afterFrame(
      { facts: well, work: nothingKnown, jobs: [], heard: new Map() },
      { type: "GATEWAY_STATUS", at, fields: { podium: "connected", ignored: { binary: 2, garbage: 1 } } },
    );
    expect(connectionWord(facts, (time) => time).detail).toContain("3 of its frames could not be passed on");
  });
});

describe("telemetry", () => {
  const told = { facts: noFacts, work: nothingKnown, jobs: [job], heard: new Map() };
  const frame = (type: string, fields: object) => ({
    type,
    at: "2026-01-09T10:00:01.000Z",
    fields: { type, ...fields },
  });

  test("a story's word goes to the story, to its newest dispatch, and is remembered with its time", () => {
    const after = afterFrame(told, frame("STORY_STATUS", { storyId: "A", status: "in_progress" }));
    expect(after.work.stories.get("A")?.status).toBe("in_progress");
    expect(after.jobs[0]?.podiumStatus).toBe("in_progress");
    expect(after.heard.get(job.jobId)?.get("in_progress")).toBe("2026-01-09T10:00:01.000Z");
  });

  test("agents that come and go for ever are no more than 200: those who have been idle longest make room first", () => {
    const heard = (before: Told, agentId: string, storyId?: string) =>
      afterFrame(before, frame("AGENT_STATUS", { agentId, storyId }));
    let after = heard(heard(told, "works", "A"), "idles");
    for (let i = 0; i < 300; i++) after = heard(after, `agent-${i}`, i < 250 ? undefined : "B");
    const ids = after.work.agents.map(({ id }) => id);
    expect(ids).toHaveLength(200);
    expect(ids.slice(0, 2)).toEqual(["works", "agent-101"]);
    expect(ids.at(-1)).toBe("agent-299");
  });

  test("a command's answer is no status of the story", () => {
    const after = afterFrame(told, frame("COMMAND_RESULT", { storyId: "A", status: "queued", success: true }));
    expect(after.work.stories.size).toBe(0);
  });

  test("a snapshot of a Podium that can't be asked takes nothing away, and is no answer", () => {
    const known = afterFrame(
      { ...told, facts: { ...noFacts, podium: "answered" } },
      frame("SNAPSHOT", { podium: { queue: ["A"], running: ["B"], stories: [{ storyId: "A" }] } }),
    );
    const after = afterFrame(known, frame("SNAPSHOT", { podium: null, detail: "Podium can't be asked: refused" }));
    expect(after.work).toBe(known.work);
    expect(after.work.queue.map(({ id }) => id)).toEqual(["A"]);
    expect(after.facts).toMatchObject({ podium: "failed", podiumDetail: "Podium can't be asked: refused" });
  });

  test("an outage keeps the time of its beginning", () => {
    const lost = afterFrame(told, frame("GATEWAY_STATUS", { podium: "disconnected" }));
    const again = afterFrame(lost, {
      ...frame("GATEWAY_STATUS", { podium: "connecting" }),
      at: "2026-01-09T11:00:00.000Z",
    });
    expect(again.facts.upstreamSince).toBe("2026-01-09T10:00:01.000Z");
  });
});

describe("a word that the stream has told before the log of jobs knows it", () => {
  const word = (status: string, seconds = 1): StreamFrame => ({
    type: "STORY_STATUS",
    at: `2026-01-09T10:00:0${seconds}.000Z`,
    fields: { storyId: "A", status },
  });
  const heard = unrecordedAfter(nothingUnrecorded, [word("in_progress"), word("done", 2)], 1_000);
  const listed: Job[] = [{ ...job, podiumStatus: "in_progress", podiumAt: "2026-01-09T10:00:01.001Z" }];
  const read = (jobs: readonly Job[], startedMs = 1_100, nowMs = 1_200): string | undefined => {
    const open = unrecordedIn(heard, jobs, { startedMs, nowMs });
    return `${open.size === 0 ? "known" : "awaited"}: ${jobsWith(open, jobs)[0]?.podiumStatus}`;
  };

  test("is not taken back by a list that was read too early, and that list is read again", () => {
    expect(read(listed)).toBe("awaited: done");
    expect(read([job])).toBe("awaited: done");
    expect(read([], 900)).toBe("awaited: undefined");
  });

  test("is left to the log as soon as it has it, or a later one, and after ten seconds in any case", () => {
    expect(read([{ ...job, podiumStatus: "done", podiumAt: "2026-01-09T10:00:02.001Z" }])).toBe("known: done");
    expect(read([{ ...job, podiumStatus: "blocked", podiumAt: "2026-01-09T10:00:03.000Z" }])).toBe("known: blocked");
    expect(read([{ ...job, podiumStatus: "cancelled", podiumAt: at }])).toBe("known: cancelled");
    expect(read(listed, 1_100, 11_000)).toBe("known: in_progress");
    expect(read([])).toBe("known: undefined");
  });

  test("is about the dispatch that Podium runs: not one that it refused, nor one that still waits behind another", () => {
    const later = { ...job, jobId: "JOB-20260109-002" };
    const about = (...jobs: Job[]): (string | undefined)[] =>
      jobsWith(heard, jobs).map(({ podiumStatus }) => podiumStatus);
    expect(about({ ...later, status: "rejected" }, ...listed)).toEqual([undefined, "done"]);
    expect(about({ ...later, status: "pending" }, ...listed)).toEqual([undefined, "done"]);
    expect(about({ ...later, status: "pending" }, { ...job, podiumStatus: "failed" })).toEqual(["done", "failed"]);
    expect(about(later, ...listed)).toEqual(["done", "in_progress"]);
  });
});

describe("words", () => {
  test("an audit search says outright or is guessed", () => {
    expect(auditFilter("user:mark STORY-001")).toEqual({ user: "mark", story: "STORY-001" });
    expect(auditFilter("job-20260109-003 halt")).toEqual({ job: "JOB-20260109-003", action: "halt" });
    expect(auditFilter("2026-01-31 SKOREQ-XXX")).toEqual({ from: "2026-01-31", to: "2026-01-31", plan: "SKOREQ-XXX" });
    expect(auditFilter("open")).toEqual({ event: "open" });
    expect(auditFilter("  ")).toEqual({});
  });

  test("an audit search says what is asked: the chosen event too, where it beats the typed one, and whose days are meant", () => {
    const words = (search: string, event = ""): string => questionWords(questionOf({ search, event }));
    expect(words("")).toBe("Everything.");
    expect(words("", "intent")).toBe("Where event is intent.");
    expect(words("STORY-1 outcome", "intent")).toBe("Where story is STORY-1 and event is intent.");
    expect(words("from:2026-01-31")).toBe("Where from is 2026-01-31 (UTC).");
    expect(words("user:a\u202Eb")).toBe("Where user is a‹U+202E›b.");
  });

  test("a record's result is told as a person reads it: what queues nothing is answered", () => {
    const taken = { event: "outcome", result: "queued" };
    expect(resultWord({ ...taken, action: "halt" })).toBe("answered");
    expect(resultWord({ ...taken, action: "enqueue_story" })).toBe("queued");
    expect(resultWord({ ...taken, action: "halt", result: "rejected" })).toBe("rejected");
    expect(resultWord({ event: "job", podium_status: "done" })).toBe("done");
  });

  test("a dispatch has ended when nothing more can come of it, as far as that can be told", () => {
    const outcome = (action: string, result: string) => ({ event: "outcome", action, result });
    const word = (podium_status: string) => ({ event: "job", podium_status });
    expect(hasEnded([{ event: "intent" }])).toBe(false);
    expect(hasEnded([outcome("enqueue_story", "rejected")])).toBe(true);
    expect(hasEnded([outcome("halt", "queued")])).toBe(true);
    expect(hasEnded([outcome("apply_plan", "unknown")])).toBe(false);
    expect(hasEnded([outcome("enqueue_story", "queued"), word("in_progress")])).toBe(false);
    expect(hasEnded([outcome("enqueue_story", "queued"), word("done")])).toBe(true);
    expect(hasEnded([outcome("enqueue_plan", "queued"), word("done")])).toBe(false);
  });

  test("what misleads is made visible, what belongs to writing is not", () => {
    expect(visibleText("a\u0000b\u202Ec\u0085d\uD800")).toBe("a␀b‹U+202E›c‹U+0085›d\uFFFD");
    expect(visibleText("👩‍👩‍👧 א\u200Dב\ttab\nline")).toBe("👩‍👩‍👧 א\u200Dב\ttab\nline");
  });

  test("a time is told by the clock, whatever writes it; what is none is a stranger's text, made visible and short", () => {
    const nowMs = Date.parse(at);
    const words = timeWords(at, nowMs);
    expect(words).toMatch(/^\d\d:\d\d:\d\d$/);
    expect([timeWords(`${nowMs}`, nowMs), timeWords(`${nowMs / 1000}`, nowMs)]).toEqual([words, words]);
    expect(timeWords("soon\u202E", nowMs)).toBe("soon‹U+202E›");
    expect(timeWords("x".repeat(3_000), nowMs).length).toBeLessThan(100);
  });

  test("a long text is cut between characters", () => {
    expect(beginning("abc", 3)).toBeUndefined();
    expect(beginning("ab😀d", 3)).toBe("ab");
  });
});
