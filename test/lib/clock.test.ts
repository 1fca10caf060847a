import { expect, test } from "bun:test";
import fc from "fast-check";
import { RunningClock, timestampOf } from "../../src/lib/clock.ts";
import { FakeClock } from "./fake-clock.ts";

test("running time goes on from where an earlier life had come to, and never back", () => {
  const machine = new FakeClock();
  const clock = new RunningClock(machine);
  const start = clock.monotonic();
  clock.goOnFrom(start - 1);
  expect(clock.monotonic()).toBe(start);
  clock.goOnFrom(start + 5_000);
  clock.goOnFrom(start + 4_000);
  expect(clock.monotonic()).toBe(start + 5_000);
  machine.pass(1_000);
  expect(clock.monotonic()).toBe(start + 6_000);
});

test("setting the machine's clock moves the wall clock only", () => {
  const machine = new FakeClock();
  const clock = new RunningClock(machine);
  const [wall, running] = [clock.now(), clock.monotonic()];
  machine.step(86_400_000);
  expect([clock.now() - wall, clock.monotonic() - running]).toEqual([86_400_000, 0]);
});

test("a moment's text is that moment's, whatever was asked for before", () => {
  const moment = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -1e14, max: 1e14 }));
  fc.assert(
    fc.property(fc.array(moment), (moments) => {
      for (const epochMs of moments) expect(timestampOf(epochMs)).toBe(new Date(epochMs).toISOString());
    }),
  );
  expect(() => timestampOf(Number.NaN)).toThrow(RangeError);
  expect(timestampOf(0)).toBe("1970-01-01T00:00:00.000Z");
});
