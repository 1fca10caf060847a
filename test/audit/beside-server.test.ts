import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { checkProofFile, makeProofFile } from "../../src/audit/proof-file.ts";
import { newestFirst, oldestFirst, readDispatch } from "../../src/audit/read.ts";
import { verify } from "../../src/audit/verify.ts";
import { newAuditId } from "../../src/lib/ids.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Files, ReadFile } from "../../src/runtime/types.ts";
import { HandClock, intent, newPlace, openLog, restore, snapshot } from "./log-folder.ts";
import type { Place } from "./log-folder.ts";

/** Reading beside a server that rotates and prunes: at every single look at the disk, the folder may be another one. */

type Folder = Map<string, Buffer>;

interface Moments {
  readonly place: Place;
  readonly id: string;
  readonly before: Folder;
  /** The active file has its closed name, and no other is there yet. */
  readonly half: Folder;
  readonly rotated: Folder;
  readonly pruned: Folder;
}

/** Before, in and after a rotation, and after the next one, which prunes two files at once. */
async function moments(): Promise<Moments> {
  const place = newPlace();
  const clock = new HandClock("2026-01-01T12:00:00.000Z");
  const day = async (retentionDays: number, number: number): Promise<Folder> => {
    const { log } = await openLog(place, { clock, retentionDays });
    await log.appendMany([{ ...intent(number), ...(number === 50 && { audit_id: id }) }, intent(number + 1)]);
    await log.close();
    return snapshot(place.dir);
  };
  // A dispatch in the file that is being closed.
  const id = newAuditId(clock.now() + 4 * 86_400_000);
  for (let number = 0; number < 4; number++) {
    await day(90, 10 * number);
    clock.advanceDays(1);
  }
  const before = await day(90, 50);
  clock.advanceDays(1);
  const rotated = await day(90, 60);
  const pruned = await day(2, 70);
  const closed = (folder: Folder): number => [...folder.keys()].filter((name) => /-\d{4}-/.test(name)).length;
  expect([closed(before), closed(rotated), closed(pruned)]).toEqual([4, 5, 2]);
  const closedNow = [...rotated.keys()].find((name) => !before.has(name))!;
  const half = new Map([...before, [closedNow, before.get(basename(place.active))!]]);
  half.delete(basename(place.active));
  return { place, id, before, half, rotated, pruned };
}

/** Files whose folder turns into another one right before the nth look at it. */
function changingAt(nth: number, place: Place, next: Folder): { files: Files; looks: () => number } {
  let looks = 0;
  const look = (): void => {
    if (++looks === nth) restore(place.dir, next);
  };
  const wrapped = (file: ReadFile): ReadFile => ({
    ...file,
    readAsync: (into, offset) => {
      look();
      return file.readAsync(into, offset);
    },
  });
  const { list, stat, openRead, readAll } = runtime.files;
  const files = {
    ...runtime.files,
    list: (folder: string) => (look(), list(folder)),
    stat: (path: string) => (look(), stat(path)),
    openRead: (path: string) => (look(), wrapped(openRead(path))),
    readAll: (path: string, bytesMax: number) => (look(), readAll(path, bytesMax)),
  };
  return { files, looks: () => looks };
}

/** Reads once for every moment at which the change can come. */
async function atEveryMoment(
  place: Place,
  from: Folder,
  to: Folder,
  read: (files: Files, moment: number) => Promise<void>,
): Promise<void> {
  for (let moment = 1; ; moment++) {
    restore(place.dir, from);
    const { files, looks } = changingAt(moment, place, to);
    await read(files, moment);
    if (looks() < moment) break;
  }
  expect(readdirSync(place.dir).length).toBe(from.size);
}

describe.each([
  ["the first half of a rotation", "before", "half"],
  ["its second half", "half", "rotated"],
  ["a rotation", "before", "rotated"],
  ["a pruning of two files and more", "rotated", "pruned"],
  ["both", "before", "pruned"],
] as const)("Beside a server, %s at any moment", (_, from, to) => {
  const { sha256 } = runtime;

  test("is no false alarm of `audit verify`", async () => {
    const { place, ...folders } = await moments();
    await atEveryMoment(place, folders[from], folders[to], async (files, moment) => {
      const { ok, fault } = await verify({ files, sha256, dir: place.dir });
      expect({ moment, ok, fault }).toEqual({ moment, ok: true, fault: undefined });
    });
  }, 60_000);

  test("is no hindrance to a proof", async () => {
    const { place, id, ...folders } = await moments();
    const { publicKey } = await verify({ files: runtime.files, sha256, dir: place.dir });
    await atEveryMoment(place, folders[from], folders[to], async (files, moment) => {
      const deps = { files, sha256, dir: place.dir };
      const found = await readDispatch(deps, id);
      const lines = found.map(({ record, text }) => ({ seq: record.seq, line: text }));
      const proof = await makeProofFile(deps, id, publicKey!, lines);
      const verdict = await checkProofFile(JSON.stringify(proof), sha256, publicKey);
      expect({ moment, verdict }).toMatchObject({ moment, verdict: { records: [{ audit_id: id }] } });
    });
  }, 60_000);

  test("neither fails a walk nor shows it a record twice or out of order", async () => {
    const { place, ...folders } = await moments();
    await atEveryMoment(place, folders[from], folders[to], async (files, moment) => {
      const deps = { files, sha256, dir: place.dir };
      const seqs: number[] = [];
      for await (const { record } of oldestFirst(deps)) seqs.push(record.seq);
      expect({ moment, seqs }).toEqual({ moment, seqs: [...new Set(seqs)].toSorted((a, b) => a - b) });
    });
    await atEveryMoment(place, folders[from], folders[to], async (files, moment) => {
      const deps = { files, sha256, dir: place.dir };
      const seqs: number[] = [];
      for await (const { record } of newestFirst(deps)) seqs.push(record.seq);
      expect({ moment, seqs }).toEqual({ moment, seqs: [...new Set(seqs)].toSorted((a, b) => b - a) });
    });
  }, 60_000);
});

test("Beside a server, an active file that is another one while it is opened is looked for again", async () => {
  const { place, before, rotated } = await moments();
  for (let moment = 1; ; moment++) {
    restore(place.dir, before);
    let opened = 0;
    const openRead = (path: string): ReadFile => {
      if (path !== place.active || ++opened !== moment) return runtime.files.openRead(path);
      restore(place.dir, rotated);
      throw Object.assign(new Error("ELOOP: it was replaced while it was opened"), { code: "ELOOP" });
    };
    const { ok, fault } = await verify({
      files: { ...runtime.files, openRead },
      sha256: runtime.sha256,
      dir: place.dir,
    });
    expect({ moment, ok, fault }).toEqual({ moment, ok: true, fault: undefined });
    if (opened < moment) break;
  }
});

test("Beside a server, what is appended before a rotation, while the file is being read, is read too", async () => {
  for (let moment = 1; ; moment++) {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock });
    await log.append(intent(1));
    let looks = 0;
    const openRead = (path: string): ReadFile => {
      const file = runtime.files.openRead(path);
      const readAsync: ReadFile["readAsync"] = async (into, offset) => {
        const count = await file.readAsync(into, offset);
        if (++looks !== moment) return count;
        await log.append(intent(2));
        clock.advanceDays(1);
        await log.append(intent(3));
        return count;
      };
      return { ...file, readAsync };
    };
    const { ok, fault } = await verify({
      files: { ...runtime.files, openRead },
      sha256: runtime.sha256,
      dir: place.dir,
    });
    expect({ moment, ok, fault }).toEqual({ moment, ok: true, fault: undefined });
    await log.close();
    if (looks < moment) break;
  }
});
