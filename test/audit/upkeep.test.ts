import { expect, spyOn, test } from "bun:test";
import { createLog } from "../../src/lib/log.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Files } from "../../src/runtime/types.ts";
import { FaultyFiles } from "./faulty-files.ts";
import { HandClock, intent, newPlace, openLog, recordsIn, rejection } from "./log-folder.ts";

/** What the log does beside its appends: checkpoints, pruning, key changes, and nothing at all after a fault. */

/** Files whose fdatasync waits for `gate`, when there is one. */
function gatedFiles(): { files: Files; hold: () => PromiseWithResolvers<void> } {
  let gate: Promise<void> | undefined;
  const openAppend: Files["openAppend"] = (path) => {
    const file = runtime.files.openAppend(path);
    const datasync = async (): Promise<void> => {
      await gate;
      await file.datasync();
    };
    return { ...file, datasync };
  };
  const hold = (): PromiseWithResolvers<void> => {
    const held = Promise.withResolvers<void>();
    gate = held.promise;
    return held;
  };
  return { files: { ...runtime.files, openAppend }, hold };
}

test("the head, and what a checkpoint promises, is durable: never what still waits for the disk", async () => {
  const place = newPlace();
  const { files, hold } = gatedFiles();
  const { log } = await openLog(place, { files });
  const first = hold();
  const durable = log.append(intent(1));
  // The first batch has been taken, so that the next record gathers behind it.
  await new Promise((resolve) => setImmediate(resolve));
  const waiting = log.append(intent(2));
  const second = hold();
  first.resolve();
  const { seq, hash } = await durable;
  expect(log.head).toEqual({ seq, hash });
  await log.seal();
  expect(log.checkpointSize).toBe(seq + 1);
  second.resolve();
  await waiting;
  await log.close();
});

test("after 1,000 records a checkpoint comes by itself", async () => {
  const place = newPlace();
  const clock = new HandClock();
  const sizes: number[] = [];
  const printer = createLog({
    level: "error",
    format: "json",
    clock,
    write: (line) => void sizes.push((JSON.parse(line) as { size: number }).size),
  });
  const { log } = await openLog(place, { clock, log: printer });
  const records = await log.appendMany(Array.from({ length: 1000 }, (_, i) => intent(i)));
  await log.close();
  const last = records.at(-1)!.seq;
  // Over genesis, for the thousand, and at the end over `close`.
  expect(sizes).toEqual([1, last + 1, last + 2]);
});

test("a start and a key change each end with a checkpoint over all that there is", async () => {
  const place = newPlace();
  const { log } = await openLog(place);
  expect(log.checkpointSize).toBe(log.head.seq + 1);
  await log.rotateKey();
  expect(log.checkpointSize).toBe(log.head.seq + 1);
  await log.close();
  const again = await openLog(place);
  expect(again.log.checkpointSize).toBe(again.log.head.seq + 1);
  await again.log.close();
});

test("after a fault nothing is changed any more: no checkpoint over what is durable, no key, no `close`", async () => {
  const place = newPlace();
  const faulty = new FaultyFiles(runtime.files, { diesWithIt: false });
  const { log } = await openLog(place, { files: faulty.files });
  await log.append(intent(1));
  faulty.failNext();
  await rejection(log.append(intent(2)));
  const operations = faulty.done.length;
  await log.seal();
  await log.rotateKey();
  await log.close();
  expect(faulty.done.slice(operations)).toEqual([]);
});

test("a checkpoint that fails while the log closes lets no `close` be written behind it", async () => {
  const place = newPlace();
  const faulty = new FaultyFiles(runtime.files, { diesWithIt: false });
  const { log, fatal } = await openLog(place, { files: faulty.files });
  await log.append(intent(1));
  faulty.failNext();
  const sealed = log.seal();
  await log.close();
  await sealed;
  expect(faulty.done.at(-1)).toBe("writeAtomic");
  expect([log.state, fatal.length]).toEqual(["failed", 1]);
  expect(recordsIn(place.active).at(-1)).toMatchObject({ event: "intent" });
});

test("a write that fails while a key change is signed lets no `key` be written behind it", async () => {
  const place = newPlace();
  const { files, hold } = gatedFiles();
  const { log } = await openLog(place, { files });
  const gate = hold();
  const doomed = rejection(log.append(intent(1)));
  const { subtle } = crypto;
  const sign = subtle.sign.bind(subtle);
  const spy = spyOn(subtle, "sign").mockImplementation(async (...args: Parameters<typeof sign>) => {
    gate.reject(new Error("EIO"));
    await doomed;
    return sign(...args);
  });
  try {
    await log.rotateKey();
  } finally {
    spy.mockRestore();
  }
  expect(log.state).toBe("failed");
  await log.close();
  expect(recordsIn(place.active).at(-1)).toMatchObject({ event: "intent" });
});
