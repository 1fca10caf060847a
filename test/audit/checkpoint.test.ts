import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { checkProofFile, makeProofFile } from "../../src/audit/proof-file.ts";
import { consistencySpans, inclusionSpans, isConsistent, rootOfInclusion } from "../../src/audit/proof.ts";
import { Prover } from "../../src/audit/prove.ts";
import { readDispatch } from "../../src/audit/read.ts";
import { parseNote } from "../../src/audit/note.ts";
import { isFlaw } from "../../src/audit/frame.ts";
import { Tree } from "../../src/audit/tree.ts";
import { createLog } from "../../src/lib/log.ts";
import { runtime } from "../../src/runtime/bun.ts";
import { allRecords } from "./accounting.ts";
import { intentDraft, outcomeDraft } from "./drafts.ts";
import type { Place } from "./log-folder.ts";
import { HandClock, newPlace, openLog, recordsIn, rejection, snapshot, verifyPlace } from "./log-folder.ts";

/** Checkpoints and proofs, against an implementation in another language, written from the specifications. */

const { sha256, files } = runtime;

function independent(...args: string[]): { ok: boolean; what?: string; [key: string]: unknown } {
  const { stdout, stderr } = spawnSync("python3", [join(import.meta.dir, "independent.py"), ...args], {
    encoding: "utf8",
  });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as { ok: boolean };
}

/** A few days with dispatches, and a key change. */
async function busyLog(days = 4, perDay = 9): Promise<{ place: Place; sizes: { size: number; root: string }[] }> {
  const place = newPlace();
  const clock = new HandClock();
  const { log } = await openLog(place, { clock });
  const sizes: { size: number; root: string }[] = [];
  for (let day = 0; day < days; day++) {
    for (let i = 0; i < perDay; i++) {
      await log.append(intentDraft(day * perDay + i));
      await log.append(outcomeDraft(day * perDay + i));
    }
    if (day === 1) await log.rotateKey();
    const note = parseNote(readFileSync(place.checkpoint, "utf8"));
    if (!isFlaw(note)) sizes.push({ size: note.size, root: note.root });
    clock.advanceDays(1);
  }
  await log.close();
  return { place, sizes };
}

describe("The RFC 6962 tree", () => {
  const leaves = Array.from({ length: 40 }, (_, i) => Buffer.from(i === 7 ? "" : `leaf ${i}`.repeat(1 + (i % 40))));
  const leafHashes = leaves.map((leaf) => sha256(Buffer.concat([Buffer.from([0]), leaf])));
  const subtree = (from: number, to: number): string => {
    const tree = new Tree(sha256);
    for (const hash of leafHashes.slice(from, to)) tree.appendHash(hash);
    return tree.root();
  };

  test("has the roots and audit paths of the specification, at every size", () => {
    const place = newPlace();
    const file = join(place.root, "leaves.json");
    writeFileSync(file, JSON.stringify(leaves.map((leaf) => leaf.toString("hex"))));
    const { roots, paths } = independent("roots", file) as unknown as { roots: string[]; paths: string[][][] };
    const tree = new Tree(sha256);
    for (let size = 0; size <= leaves.length; size++) {
      expect(tree.root()).toBe(roots[size]!);
      expect(new Tree(sha256, size, tree.range).root()).toBe(roots[size]!);
      for (let index = 0; index < size; index++) {
        const path = inclusionSpans(index, size).map(({ from, to }) => subtree(from, to));
        expect(path).toEqual(paths[size]![index]!);
        expect(rootOfInclusion(sha256, leafHashes[index]!, index, size, path)).toBe(roots[size]);
      }
      if (size < leaves.length) tree.append(Buffer.concat([Buffer.from([0]), leaves[size]!]));
    }
  });

  test("has consistency proofs that hold here and there, and no others do", () => {
    const place = newPlace();
    const cases = [];
    for (let size = 1; size <= leaves.length; size++) {
      for (let old = 1; old <= size; old++) {
        const proof = (old < size ? consistencySpans(old, size) : []).map(({ from, to }) => subtree(from, to));
        const before = { size: old, root: subtree(0, old) };
        const now = { size, root: subtree(0, size) };
        cases.push({ old: [old, before.root], new: [size, now.root], proof });
        expect(isConsistent(sha256, before, now, proof)).toBe(true);
        expect(isConsistent(sha256, { size: old, root: sha256("x") }, now, proof)).toBe(false);
        expect(isConsistent(sha256, before, { size, root: sha256("x") }, proof)).toBe(false);
        expect(isConsistent(sha256, before, now, [...proof, sha256("x")])).toBe(false);
        if (proof.length > 0) expect(isConsistent(sha256, before, now, proof.with(0, sha256("x")))).toBe(false);
      }
    }
    const file = join(place.root, "cases.json");
    writeFileSync(file, JSON.stringify(cases));
    expect(independent("consistency", file)).toEqual({ ok: true, cases: cases.length });
  });

  test("an inclusion proof holds for its own leaf and place only", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.nat(), (size, a, b) => {
        const index = a % size;
        const other = b % size;
        const path = inclusionSpans(index, size).map(({ from, to }) => subtree(from, to));
        const root = subtree(0, size);
        if (other !== index) expect(rootOfInclusion(sha256, leafHashes[other]!, index, size, path)).not.toBe(root);
        expect(rootOfInclusion(sha256, leafHashes[index]!, index, size, path.slice(1))).toBeUndefined();
        expect(rootOfInclusion(sha256, leafHashes[index]!, size, size, path)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });
});

describe("A whole log, checked by the other implementation", () => {
  test("lines, chain, tree, key change, checkpoint and signature", async () => {
    const { place } = await busyLog();
    const ours = await verifyPlace(place);
    expect(ours.ok).toBe(true);
    expect(independent("log", place.dir)).toMatchObject({
      ok: true,
      records: ours.records,
      size: ours.checkpointSize!,
      head: ours.head!.hash,
      origin: `roxy-core/${ours.logId}`,
    });
  }, 30_000);

  test("what was pruned, where a backup brought it back: what was signed of it holds", async () => {
    const { place } = await busyLog();
    const backup = snapshot(place.dir);
    const clock = new HandClock();
    clock.advanceDays(5);
    const { log } = await openLog(place, { clock, retentionDays: 2 });
    await log.close();
    expect(recordsIn(place.active).filter(({ event }) => event === "prune").length).toBeGreaterThan(1);
    for (const [name, bytes] of backup)
      if (/-\d{4}-/.test(name)) writeFileSync(join(place.dir, name), bytes, { mode: 0o600 });
    expect(independent("log", place.dir)).toMatchObject({ ok: true });
  });

  test("it finds what we find: it is no yes-man", async () => {
    const { place } = await busyLog(2, 2);
    const text = readFileSync(place.active, "utf8");
    writeFileSync(place.active, text.replace('"version"', '"verzion"'));
    expect(independent("log", place.dir)).toMatchObject({ ok: false });
    writeFileSync(place.active, text);
    const note = readFileSync(place.checkpoint, "utf8");
    const at = note.length - 10;
    writeFileSync(place.checkpoint, `${note.slice(0, at)}${note[at] === "A" ? "B" : "A"}${note.slice(at + 1)}`);
    expect(independent("log", place.dir)).toMatchObject({ ok: false, what: "AssertionError: signature" });
  });

  test("each checkpoint is printed for the journal, whatever the log level", async () => {
    const place = newPlace();
    const lines: string[] = [];
    const clock = new HandClock();
    const printer = createLog({ level: "error", format: "json", clock, write: (line) => void lines.push(line) });
    const { log } = await openLog(place, { clock, log: printer });
    await log.append(intentDraft(1));
    await log.close();
    const printed = lines.map((line) => JSON.parse(line) as { event: string; note: string });
    expect(printed.map(({ event }) => event)).toEqual(["audit_checkpoint", "audit_checkpoint"]);
    expect(printed.at(-1)!.note).toBe(readFileSync(place.checkpoint, "utf8"));
    expect(await verifyPlace(place, { checkpoint: printed[0]!.note })).toMatchObject({ ok: true });
  });

  test("the checkpoint's signature holds for openssl, too", async () => {
    const { place } = await busyLog(1, 1);
    const note = readFileSync(place.checkpoint, "utf8");
    const [body, signatures] = note.split("\n\n") as [string, string];
    writeFileSync(join(place.root, "body"), `${body}\n`);
    writeFileSync(join(place.root, "sig"), Buffer.from(signatures.trim().split(" ")[2]!, "base64").subarray(4));
    const { status, stdout } = spawnSync(
      "openssl",
      [
        "pkeyutl",
        "-verify",
        "-rawin",
        "-inkey",
        place.keyFile,
        "-in",
        join(place.root, "body"),
        "-sigfile",
        join(place.root, "sig"),
      ],
      { encoding: "utf8" },
    );
    expect(stdout).toContain("Signature Verified Successfully");
    expect(status).toBe(0);
  });
});

describe("Proofs from the files", () => {
  test("of every dispatch hold, here and there, after a key change and over several files", async () => {
    const { place } = await busyLog();
    const { publicKey } = await verifyPlace(place);
    const deps = { files, sha256, dir: place.dir };
    for (let number = 0; number < 36; number += 5) {
      const auditId = intentDraft(number).audit_id!;
      const found = await readDispatch(deps, auditId);
      // Ids of this test carry the first day; later days' records are found through the records themselves.
      const records =
        found.length > 0
          ? found.map(({ record, text }) => ({ seq: record.seq, line: text }))
          : linesAbout(place, auditId);
      const proof = JSON.stringify(await makeProofFile(deps, auditId, publicKey!, records));
      const verdict = await checkProofFile(proof, sha256, publicKey);
      expect(isFlaw(verdict)).toBe(false);
      const file = join(place.root, "proof.json");
      writeFileSync(file, proof);
      expect(independent("proof", file)).toEqual({ ok: true, seqs: records.map(({ seq }) => seq) });
    }
  }, 30_000);

  function linesAbout(place: Place, auditId: string): { seq: number; line: string }[] {
    return allRecords(place)
      .filter((record) => record.audit_id === auditId)
      .map((record) => ({ seq: record.seq, line: JSON.stringify(record) }));
  }

  test("a changed record, another key, another place: none holds", async () => {
    const { place } = await busyLog(1, 3);
    const { publicKey } = await verifyPlace(place);
    const auditId = intentDraft(1).audit_id!;
    const file = await makeProofFile(
      { files, sha256, dir: place.dir },
      auditId,
      publicKey!,
      linesAbout(place, auditId),
    );
    const text = JSON.stringify(file);
    expect(isFlaw(await checkProofFile(text, sha256))).toBe(false);
    const other = JSON.stringify(
      await makeProofFile(
        { files, sha256, dir: place.dir },
        intentDraft(2).audit_id!,
        publicKey!,
        linesAbout(place, intentDraft(2).audit_id!),
      ),
    );
    for (const forged of [
      text.replaceAll("mark", "merk"),
      text.replace(/index (\d+)/, (_, index) => `index ${Number(index) + 1}`),
      text.replace(auditId, intentDraft(2).audit_id!),
      JSON.stringify({
        ...file,
        records: file.records.map((each, i) => ({
          ...each,
          proof: (JSON.parse(other) as typeof file).records[i]!.proof,
        })),
      }),
      JSON.stringify({ ...file, records: [] }),
      text.slice(1),
      "null",
    ]) {
      expect(isFlaw(await checkProofFile(forged, sha256))).toBe(true);
    }
    expect(isFlaw(await checkProofFile(text, sha256, new Uint8Array(32).toBase64()))).toBe(true);
  });

  test("of a log that was changed are not made: what is handed out was checked", async () => {
    const { place } = await busyLog(1, 3);
    const auditId = intentDraft(1).audit_id!;
    const lines = linesAbout(place, auditId);
    const { publicKey } = await verifyPlace(place);
    // Another record, not the one to prove: the path to the root leads through it.
    const closed = join(place.dir, "orchestrator-audit-2026-01-09.0.jsonl");
    writeFileSync(closed, readFileSync(closed, "utf8").replace("STORY-2", "STORY-9"));
    const made = makeProofFile({ files, sha256, dir: place.dir }, auditId, publicKey!, lines);
    expect(await rejection(made)).toMatchObject({ exitCode: 4, message: expect.stringContaining("audit verify") });
  });

  test("what remains after pruning can still be proven, at every size and place", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock, retentionDays: 2 });
    for (let day = 0; day < 7; day++) {
      for (let i = 0; i < 3; i++) await log.append(intentDraft(day * 3 + i));
      clock.advanceDays(1);
    }
    await log.close();
    const { firstSeq, head, publicKey } = await verifyPlace(place);
    expect(firstSeq).toBeGreaterThan(4);
    const prover = new Prover(files, place.dir, sha256);
    const note = parseNote(readFileSync(place.checkpoint, "utf8"));
    if (isFlaw(note)) throw new Error(note.flaw);
    expect(note.size).toBe(head!.seq + 1);
    for (const record of allRecords(place)) {
      const line = JSON.stringify(record);
      const path = await prover.inclusion(record.seq, note);
      expect(rootOfInclusion(sha256, sha256(`\0${line}`), record.seq, note.size, path)).toBe(note.root);
    }
    expect(prover.inclusion(firstSeq! - 1, note)).rejects.toThrow("the log begins with seq");
    expect(publicKey).toBeString();
  });
});
