import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkConsistencyProof, makeConsistencyProof } from "../../src/audit/consistency.ts";
import { isFlaw } from "../../src/audit/frame.ts";
import type { SignedCheckpoint } from "../../src/audit/note.ts";
import { parseNote } from "../../src/audit/note.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Place } from "./log-folder.ts";
import { HandClock, intent, newPlace, openLog, rejection, verifyPlace } from "./log-folder.ts";

/** That a log has only grown since a checkpoint that somebody has kept. */

const { files, sha256 } = runtime;

interface Grown {
  readonly place: Place;
  readonly key: string;
  /** Each checkpoint that stood beside the log, oldest first. */
  readonly notes: readonly SignedCheckpoint[];
}

const noteOf = (text: string): SignedCheckpoint => {
  const note = parseNote(text);
  if (isFlaw(note)) throw new Error(note.flaw);
  return note;
};

/** A record and a checkpoint a day, and a change of the key on one of them. */
async function grownLog(days: number, retentionDays = 90): Promise<Grown> {
  const place = newPlace();
  const clock = new HandClock();
  const { log } = await openLog(place, { clock, retentionDays });
  const notes: SignedCheckpoint[] = [];
  const keep = (): void => void notes.push(noteOf(readFileSync(place.checkpoint, "utf8")));
  for (let day = 0; day < days; day++) {
    await log.append(intent(day));
    if (day === 3) await log.rotateKey();
    await log.seal();
    keep();
    clock.advanceDays(1);
  }
  await log.append(intent(days));
  await log.close();
  keep();
  const { publicKey } = await verifyPlace(place);
  return { place, key: publicKey!, notes };
}

const make = ({ place, key }: Grown, since: SignedCheckpoint): Promise<string> =>
  makeConsistencyProof({ files, sha256, dir: place.dir }, key, since);

describe("A consistency proof", () => {
  test("holds from each checkpoint to the newest, over files and a change of the key, and from no other", async () => {
    const grown = await grownLog(6);
    const { notes, key, place } = grown;
    expect(new Set(notes.map(({ size }) => size)).size).toBe(7);
    const cases = [];
    for (const since of notes) {
      const text = await make(grown, since);
      expect(await checkConsistencyProof(text, sha256, key, since)).toEqual(notes.at(-1)!);
      for (const other of notes.filter((one) => one !== since)) {
        expect(isFlaw(await checkConsistencyProof(text, sha256, key, other))).toBe(true);
      }
      // As C2SP's tlog-witness has it.
      const [, old, proof, checkpoint] = /^old (\d+)\n((?:[^\n]+\n)*)\n([^]+)$/.exec(text)!;
      expect(checkpoint).toBe(readFileSync(place.checkpoint, "utf8"));
      const hashes = proof!.split("\n").filter(Boolean);
      const now = noteOf(checkpoint!);
      cases.push({
        old: [Number(old), since.root],
        new: [now.size, now.root],
        proof: hashes.map((hash) => Buffer.from(hash, "base64").toString("hex")),
      });
    }
    const file = join(place.root, "cases.json");
    writeFileSync(file, JSON.stringify(cases.slice(0, -1)));
    const independent = spawnSync("python3", [join(import.meta.dir, "independent.py"), "consistency", file]);
    expect(JSON.parse(independent.stdout.toString())).toEqual({ ok: true, cases: 6 });
  });

  test("that was changed, is signed by another key, or goes on from another root does not hold", async () => {
    const grown = await grownLog(5);
    const { notes, key } = grown;
    const since = notes[1]!;
    const text = await make(grown, since);
    const forged = [
      text.replace(/^old \d+/, `old ${since.size + 1}`),
      text.replace(/\n[^\n]+\n/, "\n"),
      text.replace(/\n([^\n]+)\n/, `\n${new Uint8Array(32).toBase64()}\n`),
      text.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`),
      text.slice(0, -1),
      text.replaceAll("\n", "\r\n"),
      ` ${text}`,
      "",
    ];
    for (const one of forged) expect(isFlaw(await checkConsistencyProof(one, sha256, key, since))).toBe(true);
    const otherKey = (await grownLog(1)).key;
    expect(await checkConsistencyProof(text, sha256, otherKey, since)).toEqual({
      flaw: "the checkpoint is not signed with the key",
    });
    const elsewhere = { ...since, root: sha256("another tree") };
    expect(await checkConsistencyProof(text, sha256, key, elsewhere)).toEqual({
      flaw: "the tree that was signed does not begin with that of the given checkpoint",
    });
  });

  test("is not made where the log did not only grow since, nor for another log's checkpoint", async () => {
    const grown = await grownLog(5);
    const [since] = grown.notes as [SignedCheckpoint];
    const refused = async (change: Partial<SignedCheckpoint>): Promise<unknown> =>
      rejection(make(grown, { ...since, ...change }));
    const cases: [Partial<SignedCheckpoint>, string][] = [
      [{ root: sha256("another tree") }, "does not go on from the given checkpoint"],
      [{ size: 1_000_000 }, "the end was cut off"],
      [{ size: 0 }, "covers no record"],
      [{ origin: "roxy-core/other" }, "the given checkpoint of roxy-core/other"],
    ];
    for (const [change, words] of cases) {
      expect(await refused(change)).toMatchObject({ exitCode: 4, message: expect.stringContaining(words) });
    }
  });

  test("is made from a checkpoint in what is left after pruning, and refused with its reason from one before", async () => {
    const grown = await grownLog(9, 3);
    const { firstSeq } = await verifyPlace(grown.place);
    expect(firstSeq).toBeGreaterThan(4);
    const kept = grown.notes.filter(({ size }) => size >= firstSeq!);
    const gone = grown.notes.filter(({ size }) => size < firstSeq!);
    expect(Math.min(kept.length, gone.length)).toBeGreaterThan(1);
    for (const since of kept) {
      expect(await checkConsistencyProof(await make(grown, since), sha256, grown.key, since)).toEqual(
        grown.notes.at(-1)!,
      );
    }
    for (const since of gone) {
      const made = await make(grown, since).catch((error: Error) => error.message);
      // Where the old tree is made of the subtrees that are still listed, it can be proven all the same.
      if (made.startsWith("old "))
        expect(isFlaw(await checkConsistencyProof(made, sha256, grown.key, since))).toBe(false);
      else expect(made).toContain("were pruned");
    }
  });
});
