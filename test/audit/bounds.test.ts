import { expect, spyOn, test } from "bun:test";
import { Checkpoints, checkpointDelayMs, checkpointRecordsMax } from "../../src/audit/checkpoints.ts";
import { makeKey } from "../../src/audit/key.ts";
import { batchBytesMax } from "../../src/audit/record.ts";
import { runtime } from "../../src/runtime/bun.ts";
import { depsFor, intent, newPlace, openLog } from "./log-folder.ts";

/** How much may wait, and for how long. */

const large = (number: number): ReturnType<typeof intent> & { detail: string } => ({
  ...intent(number),
  detail: "x".repeat(200_000),
});

test("a checkpoint is due after 1,000 records, or 60 s after the first one that it would not cover", async () => {
  const place = newPlace();
  const key = await makeKey(runtime.files, place.keyFile);
  const checkpoints = new Checkpoints(depsFor(place), "log", key, 0);
  const timer = spyOn(globalThis, "setTimeout");
  try {
    let called = 0;
    expect(checkpoints.isDue(1, () => called++)).toBe(false);
    expect(checkpoints.isDue(checkpointRecordsMax - 1, () => called++)).toBe(false);
    expect(timer.mock.calls.map(([, ms]) => ms)).toEqual([checkpointDelayMs]);
    expect(checkpointDelayMs).toBe(60_000);
    (timer.mock.calls[0]![0] as () => void)();
    expect(called).toBe(1);
    expect(checkpointRecordsMax).toBe(1000);
    expect(checkpoints.isDue(checkpointRecordsMax, () => called++)).toBe(true);
  } finally {
    checkpoints.stop();
    timer.mockRestore();
  }
});

test("one write takes 1 MiB at most, and what waits is bounded: beyond it, audit_unavailable at once", async () => {
  const place = newPlace();
  const writes: number[] = [];
  const openAppend = (path: string): ReturnType<typeof runtime.files.openAppend> => {
    const file = runtime.files.openAppend(path);
    return { ...file, write: (bytes) => (writes.push(bytes.length), file.write(bytes)) };
  };
  const { log } = await openLog(place, { files: { ...runtime.files, openAppend } });
  const results = await Promise.allSettled(Array.from({ length: 345 }, (_, i) => log.append(large(i))));
  const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
  expect(refused.length).toBeGreaterThan(3);
  expect(refused.length).toBeLessThan(15);
  for (const error of refused) {
    expect(error).toMatchObject({ code: "audit_unavailable" });
    expect(error.message).toContain("too much waits for the disk");
  }
  await log.close();
  expect(Math.max(...writes)).toBeLessThanOrEqual(batchBytesMax);
  expect(Math.max(...writes)).toBeGreaterThan(batchBytesMax / 2);
}, 20_000);
