import { expect, test } from "bun:test";
import { Ending } from "../../src/cli/ending.ts";
import type { Gateway } from "../../src/cli/gateway.ts";
import { untilEnded } from "../../src/cli/serve.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { Fatal } from "../../src/lib/errors.ts";
import { silentLog } from "../../src/lib/log.ts";

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

test("a fault that comes after the signal, while the last records are written, is no good end", async () => {
  const failed = Promise.withResolvers<Fatal>();
  const ending = (stop: () => void): Promise<number> => {
    const gateway = { failed: failed.promise, stop: () => Promise.resolve(stop()) } as unknown as Gateway;
    return untilEnded(gateway, silentLog, Promise.resolve(undefined));
  };
  expect(await ending(() => {})).toBe(0);
  const fatal = new Fatal("Cannot write the audit log");
  expect(await ending(() => failed.resolve(fatal)).catch((error: unknown) => error)).toBe(fatal);
});
