import { describe, expect, test } from "bun:test";
import { readFileSync, readdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allRecords } from "./accounting.ts";
import { mayGo } from "../../src/audit/retention.ts";
import { dayOf } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Place } from "./log-folder.ts";
import { HandClock, intent, newPlace, openLog, recordsIn, restore, snapshot, verifyPlace } from "./log-folder.ts";

/** src/audit/README.md, property 9. */

const dayMs = 86_400_000;

function closedIn(place: Place): string[] {
  return readdirSync(place.dir)
    .filter((name) => /^orchestrator-audit-\d/.test(name))
    .toSorted();
}

/** One record a day; upkeep follows each rotation, so that pruning has come to its end when this returns. */
async function live(place: Place, clock: HandClock, days: number): Promise<void> {
  const { log } = await openLog(place, { clock });
  for (let day = 0; day < days; day++) {
    await log.append(intent(day));
    clock.advanceDays(1);
  }
  await log.close();
}

describe("Property 9: Rotation", () => {
  test("closes each UTC day under its own name; the active file keeps its name", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-01-09T23:59:59.999Z");
    const { log } = await openLog(place, { clock });
    await log.append(intent(1));
    clock.set("2026-01-10T00:00:00.000Z");
    await log.append(intent(2));
    await log.close();
    expect(closedIn(place)).toEqual(["orchestrator-audit-2026-01-09.0.jsonl"]);
    expect(recordsIn(place.active)[0]).toMatchObject({
      event: "checkpoint",
      seq: 2,
      tree_size: 2,
      timestamp: "2026-01-10T00:00:00.000Z",
    });
    for (const record of recordsIn(place.active)) expect(record.timestamp).toStartWith("2026-01-10");
    expect(await verifyPlace(place)).toMatchObject({ ok: true, files: 2 });
  });

  test("closes a file by size, several on one day", async () => {
    const place = newPlace();
    const { log } = await openLog(place, { rotateBytesMax: 2000 });
    for (let i = 0; i < 24; i++) await log.append(intent(i));
    await log.close();
    expect(closedIn(place).length).toBeGreaterThan(2);
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  });

  test("a burst over midnight is split at the day", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-01-09T23:59:59.999Z");
    const { log } = await openLog(place, { clock });
    const before = Array.from({ length: 5 }, (_, i) => log.append(intent(i)));
    clock.set("2026-01-10T00:00:00.000Z");
    const after = Array.from({ length: 5 }, (_, i) => log.append(intent(10 + i)));
    await Promise.all([...before, ...after]);
    await log.close();
    expect(recordsIn(join(place.dir, closedIn(place)[0]!)).filter(({ event }) => event === "intent").length).toBe(5);
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  });

  test("a name that is taken is not overwritten", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log, fatal } = await openLog(place, { clock });
    writeFileSync(join(place.dir, "orchestrator-audit-2026-01-09.0.jsonl"), "precious", { mode: 0o600 });
    clock.advanceDays(1);
    await log.append(intent(1)).catch(() => {});
    expect(fatal[0]?.message).toContain("is in the way");
    expect(readFileSync(join(place.dir, "orchestrator-audit-2026-01-09.0.jsonl"), "utf8")).toBe("precious");
    await log.close();
  });
});

describe("Property 9: Retention", () => {
  test("90 days stay; older ones go with a prune record and a checkpoint, and the rest says from where it verifies", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-01-01T12:00:00.000Z");
    await live(place, clock, 90);
    expect(closedIn(place)[0]).toBe("orchestrator-audit-2026-01-01.0.jsonl");
    const first = recordsIn(join(place.dir, closedIn(place)[0]!));
    const bytes = readFileSync(join(place.dir, closedIn(place)[0]!));
    await live(place, clock, 2);
    expect(closedIn(place)[0]).toStartWith("orchestrator-audit-2026-01-03.");
    const prunes = allRecords(place).filter(({ event }) => event === "prune");
    expect(prunes[0]).toMatchObject({
      file: "orchestrator-audit-2026-01-01.0.jsonl",
      first_seq: 0,
      last_seq: first.at(-1)!.seq,
      last_hash: first.at(-1)!.hash,
      bytes: bytes.length,
      digest: runtime.sha256(bytes),
      tree_size: first.length,
    });
    const result = await verifyPlace(place);
    expect(result).toMatchObject({ ok: true, firstSeq: prunes.at(-1)!.last_seq! + 1 });
    expect(result.checkpointSize).toBe(result.head!.seq + 1);
  }, 20_000);

  test("the prune record and its checkpoint are durable before the file goes", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-01-01T12:00:00.000Z");
    const atUnlink: { pruned: boolean; covered: boolean }[] = [];
    const files = {
      ...runtime.files,
      unlink: (path: string) => {
        const prune = allRecords(place).find((record) => record.event === "prune" && path.endsWith(record.file!));
        const size = Number(readFileSync(place.checkpoint, "utf8").split("\n")[1]);
        atUnlink.push({ pruned: prune !== undefined, covered: size > prune!.seq });
        runtime.files.unlink(path);
      },
    };
    const { log } = await openLog(place, { clock, files, retentionDays: 2 });
    for (let day = 0; day < 6; day++) {
      await log.append(intent(day));
      clock.advanceDays(1);
    }
    await log.close();
    expect(atUnlink.length).toBeGreaterThan(1);
    for (const each of atUnlink) expect(each).toEqual({ pruned: true, covered: true });
  });

  test("a prefix that was pruned fails once its prune record is not the right one", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-01-01T12:00:00.000Z");
    const { log } = await openLog(place, { clock, retentionDays: 2 });
    for (let day = 0; day < 6; day++) {
      await log.append(intent(day));
      clock.advanceDays(1);
    }
    await log.close();
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
    unlinkSync(join(place.dir, closedIn(place)[0]!));
    const { ok, fault } = await verifyPlace(place);
    expect(ok).toBe(false);
    expect(fault!.what).toContain("no prune record says why");
  });

  test("a crash between a prune record and its checkpoint leaves the file, and the next start goes on", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-01-01T12:00:00.000Z");
    const files = { ...runtime.files };
    let crashed: Map<string, Buffer> | undefined;
    files.writeAtomic = (path, data, mode) => {
      const isNew = allRecords(place).some(({ event }) => event === "prune");
      if (isNew && path === place.checkpoint) crashed ??= snapshot(place.dir);
      runtime.files.writeAtomic(path, data, mode);
    };
    const { log } = await openLog(place, { clock, files, retentionDays: 2 });
    for (let day = 0; day < 4; day++) {
      await log.append(intent(day));
      clock.advanceDays(1);
    }
    await log.close();
    restore(place.dir, crashed!);
    expect(await verifyPlace(place)).toMatchObject({ ok: true, firstSeq: 0 });
    await (await openLog(place, { clock, retentionDays: 2 })).log.close();
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  });

  test("a file that was renamed to look older, while we write, stays", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-05-01T12:00:00.000Z");
    const errors: string[] = [];
    const log = { ...silentLog, error: (event: string) => void errors.push(event) };
    const opened = await openLog(place, { clock, retentionDays: 2, log });
    for (let day = 0; day < 6; day++) {
      await opened.log.append(intent(day));
      clock.advanceDays(1);
      if (day !== 1) continue;
      await opened.log.append(intent(10));
      const oldest = join(place.dir, closedIn(place)[0]!);
      renameSync(oldest, oldest.replace("2026-05-01", "2026-01-01"));
    }
    await opened.log.close();
    expect(closedIn(place)).toContain("orchestrator-audit-2026-01-01.0.jsonl");
    expect(errors).toContain("audit_prune_refused");
  });

  test("a damaged file is evidence and stays", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-01-01T12:00:00.000Z");
    const errors: string[] = [];
    const log = { ...silentLog, error: (event: string) => void errors.push(event) };
    const opened = await openLog(place, { clock, retentionDays: 2, log });
    for (let day = 0; day < 6; day++) {
      await opened.log.append(intent(day));
      if (day === 0) {
        clock.advanceDays(1);
        await opened.log.append(intent(10));
        const oldest = join(place.dir, closedIn(place)[0]!);
        writeFileSync(oldest, readFileSync(oldest, "utf8").replace('"mark"', '"merk"'));
      }
      clock.advanceDays(1);
    }
    expect(opened.log.state).toBe("open");
    await opened.log.close();
    expect(closedIn(place)[0]).toBe("orchestrator-audit-2026-01-01.0.jsonl");
    expect(errors).toContain("audit_prune_refused");
  });
});

describe("Property 9: A clock a year off", () => {
  for (const [what, jump] of [
    ["ahead", 365],
    ["behind", -365],
  ] as const) {
    test(`${what}, for a while and at a restart: the chain holds and nothing is deleted`, async () => {
      const place = newPlace();
      const clock = new HandClock("2026-01-01T12:00:00.000Z");
      await live(place, clock, 95);
      const before = closedIn(place);
      clock.setWrongByDays(jump);
      await live(place, clock, 5);
      clock.setWrongByDays(0);
      await live(place, clock, 5);
      const young = before.filter((name) => name.slice(19, 29) >= dayOf(clock.ms - 90 * dayMs));
      expect(young.length).toBeGreaterThanOrEqual(80);
      expect(closedIn(place)).toEqual(expect.arrayContaining(young));
      expect(await verifyPlace(place)).toMatchObject({ ok: true });
    }, 30_000);
  }

  test("ahead for two midnights at the end of 90 days: nothing that is younger than 90 days is deleted", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-01-01T23:30:00.000Z");
    const { log } = await openLog(place, { clock });
    for (let day = 0; day < 90; day++) {
      await log.append(intent(day));
      clock.advanceDays(1);
    }
    const before = closedIn(place);
    expect(before[0]).toBe("orchestrator-audit-2026-01-01.0.jsonl");
    for (const [i, [truly, says]] of [
      ["2026-04-01T00:05:00.000Z", "2026-04-01T00:05:00.000Z"],
      ["2026-04-01T00:06:00.000Z", "2027-04-01T23:59:30.000Z"],
      ["2026-04-01T00:07:30.000Z", "2027-04-02T00:01:00.000Z"],
      ["2026-04-01T00:09:00.000Z", "2026-04-01T00:09:00.000Z"],
    ].entries() as ArrayIterator<[number, [string, string]]>) {
      clock.set(truly);
      clock.wrongMs = Date.parse(says) - clock.ms;
      await log.append(intent(1000 + i));
      await log.seal();
    }
    await log.close();
    expect(closedIn(place)).toEqual(expect.arrayContaining(before));
    expect(await verifyPlace(place)).toMatchObject({ ok: true, firstSeq: 0 });
  }, 30_000);

  test("a file goes by the calendar only while nothing looks wrong with the clock", () => {
    const clock = new HandClock("2026-06-01T12:00:00.000Z");
    const days = (from: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => new Date(Date.parse(from) + i * 86_400_000).toISOString().slice(0, 10));
    const rule = { clock, retentionDays: 90 };
    const later = days("2026-03-03", 91);
    expect(later.at(-1)).toBe("2026-06-01");
    expect(mayGo("2026-03-02", later, rule)).toBe(true);
    // 90 days of age are not enough.
    expect(mayGo("2026-03-03", later, rule)).toBe(false);
    // The same records, while the clock disagrees with them or has just jumped.
    expect(mayGo("2026-03-02", later, { clock: new HandClock("2027-06-01T12:00:00.000Z"), retentionDays: 90 })).toBe(
      false,
    );
    expect(mayGo("2026-03-02", later, { clock: new HandClock("2025-06-01T12:00:00.000Z"), retentionDays: 90 })).toBe(
      false,
    );
    expect(mayGo("2026-01-02", [...days("2026-01-03", 91), "2026-06-01"], rule)).toBe(false);
  });
});

describe("A crash around rotation", () => {
  test("no active file, or an empty one, behind a closed one: the next start goes on", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock });
    const files = snapshot(place.dir);
    await log.close();
    for (const empty of [false, true]) {
      restore(place.dir, files);
      const bytes = readFileSync(place.active);
      unlinkSync(place.active);
      writeFileSync(join(place.dir, "orchestrator-audit-2026-01-09.0.jsonl"), bytes, { mode: 0o600 });
      if (empty) writeFileSync(place.active, "", { mode: 0o600 });
      clock.advanceDays(1);
      const again = await openLog(place, { clock });
      await again.log.close();
      expect(recordsIn(place.active)[0]).toMatchObject({ event: "checkpoint" });
      expect(await verifyPlace(place)).toMatchObject({ ok: true, files: 2 });
    }
  });
});
