import { expect, test } from "bun:test";
import { appendFileSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileHeadDraft } from "../../src/audit/first-record.ts";
import { loadKey } from "../../src/audit/key.ts";
import { pruneStatement } from "../../src/audit/pruned.ts";
import type { Draft } from "../../src/audit/record.ts";
import { encodeRecord } from "../../src/audit/record.ts";
import { Tree } from "../../src/audit/tree.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runtime } from "../../src/runtime/bun.ts";
import { allRecords } from "./accounting.ts";
import type { Place } from "./log-folder.ts";
import {
  HandClock,
  intent,
  linesIn,
  newPlace,
  openLog,
  recordsIn,
  rejection,
  snapshot,
  verifyPlace,
} from "./log-folder.ts";

/** src/audit/README.md, property 9: whoever can write the log, but has no key, can't excuse a loss. */

const start = "2026-01-01T12:00:00.000Z";

function closedIn({ dir }: Place): string[] {
  return readdirSync(dir)
    .filter((name) => /^orchestrator-audit-\d/.test(name))
    .toSorted()
    .map((name) => join(dir, name));
}

/** A log of some days, at rest; and the clock that it lives by. */
async function logOf(days: number): Promise<{ place: Place; clock: HandClock }> {
  const place = newPlace();
  const clock = new HandClock(start);
  const { log } = await openLog(place, { clock });
  for (let day = 0; day < days; day++) {
    await log.append(intent(day));
    clock.advanceDays(1);
  }
  await log.close();
  return { place, clock };
}

/** What retention would record of the oldest files, so far as anybody can know it who reads the log. */
function truthOf(place: Place, files: number): Draft & { last_seq: number; last_hash: string; tree_root: string } {
  const last = recordsIn(closedIn(place)[files - 1]!).at(-1)!;
  const { tree_root, tree_range } = recordsIn(closedIn(place)[files] ?? place.active)[0]!;
  return {
    event: "prune",
    file: basename(closedIn(place)[0]!),
    first_seq: 0,
    last_seq: last.seq,
    last_hash: last.hash,
    tree_size: last.seq + 1,
    tree_root: tree_root!,
    ...(tree_range !== undefined && { tree_range }),
  };
}

/** Rightly chained behind what is there. */
function append({ active }: Place, draft: Draft): void {
  const head = recordsIn(active).at(-1)!;
  const place = { seq: head.seq + 1, prevHash: head.hash, epochMs: Date.parse(head.timestamp) };
  appendFileSync(active, encodeRecord(draft, place, runtime.sha256).line);
}

/** By a key of the forger's, or by ours for another range. */
async function signed(place: Place, draft: ReturnType<typeof truthOf>, change: object): Promise<Draft> {
  const key = await loadKey(runtime.files, place.keyFile);
  const { log_id } = allRecords(place)[0]!;
  const { first_seq, last_seq, last_hash, tree_root } = { ...draft, ...change };
  const of = { logId: log_id!, firstSeq: first_seq!, lastSeq: last_seq, lastHash: last_hash, root: tree_root };
  return { ...draft, signature: (await key.sign(pruneStatement(of))).toBase64() };
}

type Forgery = (place: Place) => Draft | Promise<Draft>;
const forgeries: [string, Forgery][] = [
  ["the truth, unsigned", (place) => truthOf(place, 2)],
  ["the truth with somebody's signature", (place) => ({ ...truthOf(place, 2), signature: "A".repeat(86) + "==" })],
  ["a signature over less", (place) => signed(place, truthOf(place, 2), { last_seq: 1 })],
  ["no first_seq", (place) => ({ ...truthOf(place, 2), first_seq: undefined, signature: "A".repeat(86) + "==" })],
  ["a first_seq behind the loss", (place) => ({ ...truthOf(place, 2), first_seq: truthOf(place, 2).last_seq })],
];

test.each(forgeries)(
  "a prune record that is not ours stops verification and the next start, with the files gone or still there: %s",
  async (_, forge) => {
    const { place, clock } = await logOf(4);
    append(place, await forge(place));
    const seq = recordsIn(place.active).at(-1)!.seq;
    for (const gone of [false, true]) {
      if (gone) for (const path of closedIn(place).slice(0, 2)) unlinkSync(path);
      const { ok, fault } = await verifyPlace(place);
      expect({ ok, fault }).toMatchObject({ ok: false, fault: { seq } });
      expect(fault!.what).toContain("the prune record");
      const before = snapshot(place.dir);
      expect(await rejection(openLog(place, { clock }))).toMatchObject({ exitCode: 4 });
      expect(snapshot(place.dir)).toEqual(before);
    }
  },
);

test("oldest files that are missing without a prune record stop the next start: no retention can excuse them later", async () => {
  const { place, clock } = await logOf(6);
  unlinkSync(closedIn(place)[0]!);
  const firstLeft = recordsIn(closedIn(place)[0]!)[0]!.seq;
  const before = snapshot(place.dir);
  const error = await rejection(openLog(place, { clock, retentionDays: 2 }));
  expect(error).toMatchObject({ exitCode: 4 });
  expect(error.message).toContain(`the records before seq ${firstLeft} are missing, and no prune record says why`);
  expect(snapshot(place.dir)).toEqual(before);
});

test("a log that was exchanged for a file that begins behind its checkpoint stops the next start", async () => {
  const { place, clock } = await logOf(4);
  const tree = new Tree(runtime.sha256);
  const lines = [...closedIn(place), place.active].flatMap(linesIn);
  for (const line of lines) tree.appendHash(runtime.sha256(`\0${line}`));
  const records = allRecords(place);
  const { log_id: logId, version, public_key: publicKey } = records[0]!;
  const head = fileHeadDraft({ logId: logId!, version: version!, publicKey: publicKey! }, tree, tree.size);
  const before = records.at(-1)!;
  const end = { seq: before.seq + 1, prevHash: before.hash, epochMs: clock.now() };
  for (const path of [...closedIn(place), place.active]) unlinkSync(path);
  writeFileSync(place.active, encodeRecord(head, end, runtime.sha256).line, { mode: 0o600 });
  expect(await verifyPlace(place)).toMatchObject({ ok: false });
  const error = await rejection(openLog(place, { clock, retentionDays: 2 }));
  expect(error).toMatchObject({ exitCode: 4 });
  expect(error.message).toContain("the log begins behind its checkpoint");
});

test("after pruning, a further file that is missing stops the next start, too", async () => {
  const { place, clock } = await logOf(6);
  const { log } = await openLog(place, { clock, retentionDays: 3 });
  await log.close();
  expect(recordsIn(closedIn(place)[0]!)[0]!.seq).toBeGreaterThan(0);
  const again = await openLog(place, { clock, retentionDays: 3 });
  await again.log.close();
  unlinkSync(closedIn(place)[0]!);
  expect(await rejection(openLog(place, { clock, retentionDays: 3 }))).toMatchObject({ exitCode: 4 });
});

test("the only closed file, however old, waits for the next one without an alarm", async () => {
  const place = newPlace();
  const clock = new HandClock(start);
  const errors: string[] = [];
  const log = { ...silentLog, error: (event: string) => void errors.push(event) };
  const opened = await openLog(place, { clock, retentionDays: 3, log });
  for (const days of [5, 5]) {
    await opened.log.append(intent(days));
    clock.advanceDays(days);
  }
  await opened.log.append(intent(9));
  await opened.log.close();
  expect(errors).toEqual([]);
  expect(allRecords(place).filter(({ event }) => event === "prune").length).toBe(1);
});

test("files that are removed while we write are not excused by pruning the next ones", async () => {
  const place = newPlace();
  const clock = new HandClock(start);
  const errors: string[] = [];
  const log = { ...silentLog, error: (event: string) => void errors.push(event) };
  const opened = await openLog(place, { clock, retentionDays: 3, log });
  for (let day = 0; day < 7; day++) {
    await opened.log.append(intent(day));
    clock.advanceDays(1);
    if (day === 2) unlinkSync(closedIn(place)[0]!);
  }
  await opened.log.close();
  expect(errors).toContain("audit_prune_refused");
  expect(allRecords(place).filter(({ event }) => event === "prune")).toEqual([]);
  expect(await verifyPlace(place)).toMatchObject({ ok: false });
});

test("files that were pruned and lie there again, from a backup, do no harm", async () => {
  const { place, clock } = await logOf(6);
  const backup = closedIn(place).map((path) => [path, readFileSync(path)] as const);
  await (await openLog(place, { clock, retentionDays: 3 })).log.close();
  for (const [path, bytes] of backup) writeFileSync(path, bytes, { mode: 0o600 });
  expect(await verifyPlace(place)).toMatchObject({ ok: true, firstSeq: 0 });
  await (await openLog(place, { clock, retentionDays: 3 })).log.close();
  expect(await verifyPlace(place)).toMatchObject({ ok: true });
});

test("a prune record holds over a key change on either side of it", async () => {
  const { place, clock } = await logOf(4);
  const { log } = await openLog(place, { clock, retentionDays: 3 });
  await log.rotateKey();
  for (let day = 4; day < 8; day++) {
    await log.append(intent(day));
    clock.advanceDays(1);
  }
  await log.rotateKey();
  await log.close();
  const prunes = allRecords(place).filter(({ event }) => event === "prune");
  expect(prunes.length).toBeGreaterThan(1);
  expect(await verifyPlace(place)).toMatchObject({ ok: true, firstSeq: prunes.at(-1)!.last_seq! + 1 });
  await (await openLog(place, { clock, retentionDays: 3 })).log.close();
});

test("a checkpoint kept from before a key change proves nothing once the change was pruned, and is no fault", async () => {
  const { place, clock } = await logOf(2);
  const kept = readFileSync(place.checkpoint, "utf8");
  const { log } = await openLog(place, { clock, retentionDays: 3 });
  await log.rotateKey();
  for (let day = 2; day < 9; day++) {
    await log.append(intent(day));
    clock.advanceDays(1);
  }
  await log.close();
  expect(allRecords(place).filter(({ event }) => event === "key")).toEqual([]);
  const { ok, warnings } = await verifyPlace(place, { checkpoint: kept });
  expect({ ok, warnings: warnings.join() }).toMatchObject({
    ok: true,
    warnings: expect.stringContaining("it proves nothing"),
  });
  // The one beside the log is never excused.
  writeFileSync(place.checkpoint, kept, { mode: 0o600 });
  expect(await verifyPlace(place)).toMatchObject({ ok: false });
});
