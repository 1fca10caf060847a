import { describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { AuditLog } from "../../src/audit/log.ts";
import { Problem } from "../../src/lib/errors.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { FaultKind } from "./faulty-files.ts";
import { FaultyFiles } from "./faulty-files.ts";
import type { Place } from "./log-folder.ts";
import {
  HandClock,
  depsFor,
  intent,
  linesIn,
  newPlace,
  openLog,
  recordsIn,
  rejection,
  verifyPlace,
} from "./log-folder.ts";

/** src/audit/README.md, property 3: fail closed. */

describe("Property 3: A short write is noticed, and EIO or ENOSPC fails closed", () => {
  for (const [what, kind, after, code] of [
    ["a short write", "short", 0, "EIO"],
    ["EIO from write", "before", 0, "EIO"],
    ["ENOSPC from write", "before", 0, "ENOSPC"],
    ["EIO from fdatasync", "before", 1, "EIO"],
    ["EIO from fdatasync after the data did reach the disk", "after", 1, "EIO"],
  ] as const) {
    test(`${what}: every waiter fails, nothing more is written, the process is told to end`, async () => {
      const place = newPlace();
      const faulty = new FaultyFiles(runtime.files, { kind, code, diesWithIt: false });
      const { log, fatal, seen } = await openLog(place, { files: faulty.files });
      await log.append(intent(1));
      const before = seen.length;
      faulty.failNext(after);
      const waiters = [intent(2), intent(3), intent(4)].map((draft) => rejection(log.append(draft)));
      for (const error of await Promise.all(waiters)) {
        expect(error).toBeInstanceOf(Problem);
        expect(error.code).toBe("audit_unavailable");
      }
      expect(log.state).toBe("failed");
      expect(fatal.map((error) => error.exitCode)).toEqual([1]);
      expect(fatal[0]?.message).toStartWith(`Cannot write the audit log ${place.active}: `);
      const operations = faulty.done.length;
      expect((await rejection(log.append(intent(5)))).code).toBe("audit_unavailable");
      expect(() => log.assertAdmits("dispatch")).toThrow("an earlier write failed");
      await log.close();
      expect(faulty.done.length).toBe(operations);
      expect(seen.length).toBe(before);

      const again = await openLog(place);
      await again.log.append(intent(6));
      await again.log.close();
      expect(await verifyPlace(place)).toMatchObject({ ok: true });
    });
  }

  test("a checkpoint that can't be written fails closed, too", async () => {
    const place = newPlace();
    const faulty = new FaultyFiles(runtime.files, { diesWithIt: false });
    const { log, fatal } = await openLog(place, { files: faulty.files });
    await log.append(intent(1));
    faulty.failNext(2); // write, datasync of `close`, then the checkpoint
    await log.close();
    expect(faulty.done.slice(-3)).toEqual(["write", "datasync", "writeAtomic"]);
    expect(log.state).toBe("failed");
    expect(fatal.length).toBe(1);
  });
});

/** Everything that changes files, in one life: first start, rotation by day and size, pruning, key change, stop, start. */
async function life(place: Place, files: FaultyFiles["files"], acknowledged: string[]): Promise<void> {
  const clock = new HandClock("2026-01-01T12:00:00.000Z");
  const deps = depsFor(place, { files, clock, retentionDays: 1, rotateBytesMax: 1500 });
  for (let start = 0; start < 2; start++) {
    const log = await AuditLog.open(deps);
    try {
      for (let i = 0; i < 4; i++) {
        acknowledged.push((await log.append(intent(start * 10 + i))).hash);
        if (i % 2 === 1) clock.advanceDays(1);
      }
      if (start === 0) await log.rotateKey();
    } finally {
      await log.close();
    }
  }
}

async function countOperations(): Promise<string[]> {
  const faulty = new FaultyFiles(runtime.files);
  await life(newPlace(), faulty.files, []);
  return faulty.done;
}

describe("Property 3 and property 7: A fault or a crash at any operation that changes files loses nothing that was acknowledged", () => {
  for (const kind of ["before", "after", "short"] as const satisfies FaultKind[]) {
    test(`${kind === "short" ? "a short write" : `dying ${kind} it`}, then a start`, async () => {
      const operations = await countOperations();
      expect(operations).toContain("unlink");
      expect(operations.filter((name) => name === "rename").length).toBeGreaterThan(3);
      for (const [index, operation] of operations.entries()) {
        if (kind === "short" && operation !== "write") continue;
        const place = newPlace();
        const faulty = new FaultyFiles(runtime.files, { failAt: index + 1, kind });
        const acknowledged: string[] = [];
        await life(place, faulty.files, acknowledged).catch(() => {});
        const label = `${kind} ${index + 1} (${operation})`;
        await expectNothingLost(place, acknowledged, label);
        rmSync(place.root, { recursive: true });
      }
    }, 60_000);
  }
});

/** Opens with sound files, with the retention that keeps everything still there. */
async function expectNothingLost(place: Place, acknowledged: readonly string[], label: string): Promise<void> {
  const clock = new HandClock("2026-01-05T12:00:00.000Z");
  let opened;
  try {
    opened = await openLog(place, { clock });
  } catch (error) {
    throw new Error(`${label}: the next start fails: ${String(error)}`, { cause: error });
  }
  await opened.log.append(intent(99));
  await opened.log.close();
  const result = await verifyPlace(place);
  if (!result.ok) throw new Error(`${label}: ${JSON.stringify(result.fault)}`);
  const { closed } = (await import("../../src/audit/folder.ts")).survey(runtime.files, place.dir);
  const held = new Set<string>();
  const pruned = new Set<number>();
  for (const path of [...closed.map((file) => file.path), place.active]) {
    for (const record of recordsIn(path)) {
      held.add(record.hash);
      if (record.event === "prune") for (let seq = record.first_seq!; seq <= record.last_seq!; seq++) pruned.add(seq);
    }
  }
  const missing = acknowledged.filter((hash) => !held.has(hash));
  expect({ label, missing: Math.max(0, missing.length - pruned.size) }).toEqual({ label, missing: 0 });
  expect(linesIn(place.active).length).toBeGreaterThan(0);
}
