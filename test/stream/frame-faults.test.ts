import { afterEach, expect, jest, test } from "bun:test";
import { FrameFaults, sayEveryMs } from "../../src/stream/frame-faults.ts";

afterEach(() => void jest.useRealTimers());

test("the first fault is said at once, a flood of them once in a while, and none is forgotten", () => {
  jest.useFakeTimers();
  const said: object[] = [];
  const faults = new FrameFaults((counts) => said.push(counts));
  for (let i = 0; i < 1000; i++) faults.note("garbage");
  faults.note("binary");
  expect(said).toEqual([{ binary: 0, oversized: 0, garbage: 1 }]);
  jest.advanceTimersByTime(sayEveryMs);
  expect(said.slice(1)).toEqual([{ binary: 1, oversized: 0, garbage: 1000 }]);
  jest.advanceTimersByTime(10 * sayEveryMs);
  expect([said.length, jest.getTimerCount()]).toEqual([2, 0]);
  faults.note("oversized");
  expect([said.length, faults.counts.oversized]).toEqual([3, 1]);
  faults.stop();
  expect(jest.getTimerCount()).toBe(0);
});
