import { describe, expect, test } from "bun:test";
import { runtime } from "../../src/runtime/bun.ts";
import type { AppendFile, Files } from "../../src/runtime/types.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import { intent, linesIn, newPlace, openLog, rejection, verifyPlace } from "./log-folder.ts";

/** src/audit/README.md, property 4 and 12. */

/** Files whose fdatasync waits until the test lets it go. */
function heldFiles(): { files: Files; syncs: () => number; release: () => void; hold: () => void } {
  let syncs = 0;
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const openAppend = (path: string): AppendFile => {
    const file = runtime.files.openAppend(path);
    return {
      ...file,
      datasync: async () => {
        syncs++;
        await gate.promise;
        await file.datasync();
      },
    };
  };
  return {
    files: { ...runtime.files, openAppend },
    syncs: () => syncs,
    hold: () => (gate = Promise.withResolvers()),
    release: () => gate.resolve(),
  };
}

describe("Property 12: Group commit", () => {
  test("records that arrive together share one fdatasync, and nobody is answered before it", async () => {
    const place = newPlace();
    const held = heldFiles();
    const { log, seen } = await openLog(place, { files: held.files });
    const before = held.syncs();
    const known = seen.length;
    held.hold();
    const answered: number[] = [];
    const waiting = Array.from({ length: 32 }, (_, i) => log.append(intent(i)).then(({ seq }) => answered.push(seq)));
    await Bun.sleep(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(held.syncs()).toBe(before + 1);
    expect(answered).toEqual([]);
    expect(seen.length).toBe(known);
    expect(linesIn(place.active).length).toBeGreaterThanOrEqual(32);
    held.release();
    await Promise.all(waiting);
    expect(held.syncs()).toBe(before + 1);
    expect(answered).toEqual(answered.toSorted((a, b) => a - b));
    expect(seen.slice(known).map((record) => record.seq)).toEqual(answered);
    await log.close();
  });

  test("32 concurrent callers in a loop: at least 8 records for each fdatasync", async () => {
    const place = newPlace();
    const held = heldFiles();
    const { log } = await openLog(place, { files: held.files });
    const before = held.syncs();
    const caller = async (): Promise<void> => {
      for (let i = 0; i < 25; i++) await log.append(intent(i));
    };
    await Promise.all(Array.from({ length: 32 }, caller));
    expect((32 * 25) / (held.syncs() - before)).toBeGreaterThan(8);
    await log.close();
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  });

  test("the chain follows the order of the calls, and the head is the last durable record", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const records = await log.appendMany([intent(1), intent(2), intent(3)]);
    expect(records.map((record) => record.story_id)).toEqual(["STORY-1", "STORY-2", "STORY-3"]);
    for (const [index, record] of records.entries())
      if (index > 0) expect(record.prev_hash).toBe(records[index - 1]!.hash);
    expect(log.head).toEqual({ seq: records[2]!.seq, hash: records[2]!.hash });
    await log.close();
  });

  test("who is alone waits for a quick disk right there; who is not, or meets a slow one, does so elsewhere", async () => {
    const place = newPlace();
    const clock = new FakeClock();
    let tookMs = 0.1;
    const here: (boolean | undefined)[] = [];
    const openAppend = (path: string): AppendFile => {
      const file = runtime.files.openAppend(path);
      const datasync = (isHere?: boolean): Promise<void> => {
        here.push(isHere);
        clock.pass(tookMs);
        return file.datasync(isHere);
      };
      return { ...file, datasync };
    };
    const { log } = await openLog(place, { files: { ...runtime.files, openAppend }, clock });
    here.length = 0;
    await log.append(intent(1), true);
    await log.append(intent(2), false);
    await Promise.all([log.append(intent(3), true), log.append(intent(4), true)]);
    tookMs = 20;
    await log.append(intent(5), true);
    tookMs = 0.1;
    await log.append(intent(6), true);
    await log.append(intent(7), true);
    expect(here).toEqual([true, false, false, true, false, true]);
    await log.close();
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  });

  test("after close every append is refused, and close may be called again", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const pending = log.append(intent(1));
    const closing = log.close();
    expect((await rejection(log.append(intent(2)))).code).toBe("audit_unavailable");
    await Promise.all([pending, closing, log.close()]);
    expect(log.state).toBe("closed");
  });
});

describe("Property 4: Below the disk reserve", () => {
  test("new dispatches are refused, while outcomes and halts still fit", async () => {
    const place = newPlace();
    let free = 1_000_000_000;
    const files = { ...runtime.files, freeBytes: () => free };
    const clock = new FakeClock();
    const { log } = await openLog(place, { files, clock, diskReserveMb: 64 });
    const inFlight = await log.append(intent(1));
    log.assertAdmits("dispatch");
    free = 63 * 1_048_576;
    log.assertAdmits("dispatch");
    // A look holds for a moment: far less than the reserve can be written in it.
    clock.pass(100);
    expect(() => log.assertAdmits("dispatch")).toThrow("63 MiB are free");
    log.assertAdmits("outcome");
    await log.append({ event: "outcome", audit_id: inFlight.audit_id!, result: "queued" });
    await log.append({ event: "intent", action: "halt", audit_id: "AUD-HALT" });
    free = 64 * 1_048_576;
    clock.pass(100);
    log.assertAdmits("dispatch");
    await log.close();
  });

  test("a file system that can't be asked counts as full", async () => {
    const place = newPlace();
    const files = {
      ...runtime.files,
      freeBytes: (): number => {
        throw new Error("EIO");
      },
    };
    const { log } = await openLog(place, { files });
    expect(() => log.assertAdmits("dispatch")).toThrow("0 MiB are free");
    await log.close();
  });
});
