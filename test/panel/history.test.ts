import { describe, expect, test } from "bun:test";
import type { StreamFrame } from "../../src/panel/web/api/stream.ts";
import { hourSeries, hourWords, samplesAfter, samplesIn, samplesWith } from "../../src/panel/web/state/history.ts";
import type { Job } from "../../src/panel/web/state/jobs.ts";

const job: Job = {
  jobId: "JOB-20260109-001",
  auditId: "AUD-1",
  action: "enqueue_story",
  storyId: "A",
  source: "test",
  status: "queued",
  createdAt: "2026-01-09T10:00:00.000Z",
};

describe("the last hour", () => {
  const nowMs = Date.parse("2026-01-09T10:30:00.000Z");

  test("outcomes are counted in the minute of their end", () => {
    const ended = { ...job, podiumStatus: "done", podiumAt: "2026-01-09T10:29:30.000Z" };
    const { done, failed } = hourSeries([ended, { ...ended, podiumStatus: "failed" }], [], nowMs);
    expect([done.at(-2), failed.at(-2), done.at(-1)]).toEqual([1, 1, 0]);
  });

  test("a run or a halt that was not sent has not failed: it is counted apart, and told where there is one", () => {
    const unsent = { ...job, status: "failed", answeredAt: "2026-01-09T10:29:30.000Z" };
    const series = hourSeries([unsent, { ...unsent, action: "halt" }], [], nowMs);
    expect([series.failed.at(-2), series.unsent.at(-2)]).toEqual([0, 2]);
    expect(hourWords(series, String)).toStartWith("0 done, 0 failed, 0 refused, 2 not sent;");
    expect(hourWords(hourSeries([], [], nowMs), String)).not.toContain("not sent");
  });

  test("depth is the minute's deepest, and unknown where nobody looked", () => {
    const samples = [5, 2].reduce<ReturnType<typeof samplesAfter>>(
      (list, depth, i) => samplesAfter(list, { atMs: nowMs - 600_000 + i, depth }),
      [],
    );
    const { depth } = hourSeries([], samples, nowMs);
    expect(depth.slice(-12)).toEqual([null, 5, 2, 2, null, null, null, null, null, null, null, null]);
  });

  test("a queue that changes all the time pushes out no minute, its deepest nor how it ended", () => {
    let samples: ReturnType<typeof samplesAfter> = [];
    for (let atMs = nowMs - 3_540_000; atMs < nowMs; atMs += 500) {
      const isPeak = atMs % 60_000 === 30_000;
      samples = samplesAfter(samples, { atMs, depth: isPeak ? 50 : (atMs / 500) % 2 });
    }
    expect(samples.length).toBeLessThanOrEqual(1_200);
    const { depth } = hourSeries([], samples, nowMs);
    expect(depth.slice(0, -1)).toEqual(Array.from({ length: 59 }, () => 50));
    const calm = samplesAfter(samples, { atMs: nowMs + 60_000, depth: 1 });
    expect(hourSeries([], calm, nowMs + 60_000).depth.at(-1)).toBe(1);
  });
});

describe("what roxy-core remembers of the queue", () => {
  const nowMs = Date.parse("2026-01-09T10:30:30.000Z");
  const frame = (type: string, clock: string, fields: object = {}): StreamFrame => ({
    type,
    at: `2026-01-09T${clock}:00.000Z`,
    fields: { type, ...fields },
  });
  const queue = (clock: string, ...ids: string[]): StreamFrame => frame("QUEUE_UPDATE", clock, { queue: ids });
  const heard = frame("GATEWAY_STATUS", "10:30", { podium: "connected" });
  const depths = (...frames: StreamFrame[]) => hourSeries([], samplesIn(frames, nowMs), nowMs).depth;

  test("between two changes the depth was what the first one said, however long that is", () => {
    const depth = depths(heard, queue("09:00", "A", "B"), queue("10:10", "A"), queue("10:28"));
    expect(depth.slice(0, 3)).toEqual([2, 2, 2]);
    // At the beginning of the minute of a change it was still what it had been.
    expect(depth.slice(37, 42)).toEqual([2, 2, 2, 1, 1]);
    expect(depth.slice(-4)).toEqual([1, 1, 0, 0]);
  });

  test("while Podium was lost nothing is known; nor now, when it is lost now", () => {
    const gap = frame("GAP", "10:20", { from: "2026-01-09T10:05:00.000Z" });
    const depth = depths(heard, queue("10:00", "A"), gap, queue("10:25"));
    expect(depth[34]).toBe(1);
    expect(depth.slice(37, 54)).toEqual(Array.from({ length: 17 }, () => null));
    expect(depth.slice(-4)).toEqual([0, 0, 0, 0]);
    const lost = depths(frame("GATEWAY_STATUS", "10:30", { podium: "disconnected" }), queue("10:20", "A"));
    expect(lost.slice(-3)).toEqual([null, null, null]);
  });

  test("it goes before what the browser saw of the same time, and is older than nothing", () => {
    const seen = [1, 2, 3].map((atMs) => ({ atMs, depth: 9 }));
    expect(samplesWith(seen, [{ atMs: 2, depth: 1 }])).toEqual([
      { atMs: 1, depth: 9 },
      { atMs: 2, depth: 1 },
    ]);
    expect(samplesWith(seen, [])).toBe(seen);
  });

  test("the words claim nothing of what was not heard or not read", () => {
    const words = (samples: StreamFrame[], jobs: Job[] = [], jobsMax?: number): string =>
      hourWords(hourSeries(jobs, samplesIn(samples, nowMs), nowMs, jobsMax), (s) => `${s}`);
    expect(words([])).toEndWith("nothing is known of the queue's depth.");
    expect(words([heard, queue("09:00", "A")])).toEndWith("refused; the queue was at most 1 deep.");
    const since = Date.parse("2026-01-09T10:10:00.000Z") / 1000;
    expect(words([heard, queue("10:10", "A", "B")])).toEndWith(`at most 2 deep, known since ${since}.`);
    expect(words([heard], [{ ...job, createdAt: "2026-01-09T10:10:00.000Z" }], 1)).toContain(
      `(newest ones, from ${since} on)`,
    );
    expect(words([heard], [{ ...job, createdAt: "2026-01-09T09:00:00.000Z" }], 1)).not.toContain("newest");
  });
});
