import { expect, test } from "bun:test";
import { Ending } from "../../src/cli/ending.ts";
import { systemClock } from "../../src/lib/clock.ts";

test("a request to Podium may take its time, and from the beginning of the end on no more than is left, halts and all", () => {
  let now = 1_000;
  const ending = new Ending({ ...systemClock, monotonic: () => now }, 30_000);
  now += 100_000;
  expect([ending.hasBegun, ending.podiumMs()]).toEqual([false, 30_000]);
  ending.begin();
  expect([ending.hasBegun, ending.podiumMs()]).toEqual([true, 30_000]);
  now += 29_000;
  ending.begin();
  expect(ending.podiumMs()).toBe(6_000);
  now += 1_000;
  expect(ending.podiumMs()).toBe(5_000);
  now += 60_000;
  expect(ending.podiumMs()).toBe(1);
});
