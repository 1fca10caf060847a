import { beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, readFileSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { loadKey, signCheckpoint } from "../../src/audit/key.ts";
import { encodeRecord } from "../../src/audit/record.ts";
import { Tree } from "../../src/audit/tree.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Place } from "./log-folder.ts";
import {
  HandClock,
  intent,
  linesIn,
  newPlace,
  openLog,
  recordsIn,
  rejection,
  restore,
  snapshot,
  verifyPlace,
} from "./log-folder.ts";

/** src/audit/README.md, property 6. */

/** Three days; the middle file is closed and holds some 200 records. */
async function threeDays(middle = 200): Promise<{ place: Place; files: Map<string, Buffer>; closed: string[] }> {
  const place = newPlace();
  const clock = new HandClock();
  const { log } = await openLog(place, { clock });
  await log.append(intent(1));
  clock.advanceDays(1);
  await log.appendMany(Array.from({ length: middle - 1 }, (_, i) => intent(i)));
  clock.advanceDays(1);
  await log.append(intent(2));
  await log.close();
  const closed = readdirSync(place.dir)
    .filter((name) => /-\d{4}-\d\d-\d\d\./.test(name))
    .toSorted()
    .map((name) => join(place.dir, name));
  return { place, files: snapshot(place.dir), closed };
}

describe("Property 6: Changes to a closed file are detected with file, line and seq", () => {
  let place: Place;
  let files: Map<string, Buffer>;
  let middle: string;
  let firstSeq: number;
  beforeAll(async () => {
    // Lives in memory: the folder goes after the first test, and each test puts it back.
    const made = await threeDays();
    files = made.files;
    middle = basename(made.closed[1]!);
    firstSeq = Number(/\.(\d+)\.jsonl$/.exec(middle)![1]);
  });

  function fresh(): string {
    place = newPlace();
    runtime.files.makeFolder(place.dir, 0o700);
    restore(place.dir, files);
    return join(place.dir, middle);
  }

  test("every single bit of a file of 200 records", async () => {
    // Checked through the very frames and chain that verification uses, line by line, because a whole verification for
    // each of a million bits would take hours; whole verifications follow for a spread of them.
    const { Chain } = await import("../../src/audit/chain.ts");
    const { decodeLine, isFlaw } = await import("../../src/audit/frame.ts");
    const bytes = files.get(middle)!;
    const lines: Buffer[] = [];
    for (let start = 0, lf = 0; (lf = bytes.indexOf(10, start)) !== -1; start = lf + 1)
      lines.push(bytes.subarray(start, lf + 1));
    expect(lines.length).toBe(200);
    const head = decodeLine(lines[0]!.subarray(0, -1), runtime.sha256);
    if (isFlaw(head)) throw new Error(head.flaw);
    const chain = Chain.from(head, runtime.sha256);
    if (isFlaw(chain)) throw new Error(chain.flaw);
    let flips = 0;
    for (const [index, line] of lines.entries()) {
      const withNext = Buffer.concat([Buffer.from([0]), line, lines[index + 1] ?? Buffer.alloc(0)]);
      for (let bit = 0; bit < line.length * 8; bit++) {
        const at = 1 + (bit >> 3);
        withNext[at]! ^= 1 << (bit & 7);
        const lf = withNext.indexOf(10, 1);
        const end = lf === -1 ? withNext.length : lf;
        const taken = chain.take({ offset: 0, bytes: withNext.subarray(1, end), leaf: withNext.subarray(0, end) });
        if (!isFlaw(taken)) throw new Error(`line ${index + 1}, bit ${bit} went unnoticed`);
        withNext[at]! ^= 1 << (bit & 7);
        flips++;
      }
      expect(
        isFlaw(
          chain.take({
            offset: 0,
            bytes: line.subarray(0, -1),
            leaf: Buffer.concat([Buffer.from([0]), line.subarray(0, -1)]),
          }),
        ),
      ).toBe(false);
    }
    expect(flips).toBe(bytes.length * 8);
  }, 60_000);

  test("a bit flipped in any line, as `audit verify` sees it", async () => {
    const path = fresh();
    const original = files.get(middle)!;
    const lines = original.toString().split("\n");
    let at = 0;
    for (const [index, line] of lines.slice(0, -1).entries()) {
      const bytes = Buffer.from(original);
      bytes[at + ((index * 37) % (line.length + 1))]! ^= 1 << (index % 8);
      writeFileSync(path, bytes);
      const { ok, fault } = await verifyPlace(place);
      expect(ok).toBe(false);
      expect(fault).toMatchObject({ file: path, line: index + 1, seq: firstSeq + index });
      at += line.length + 1;
    }
  }, 60_000);

  for (const [what, change] of [
    ["a line deleted", (lines: string[], at: number) => lines.toSpliced(at, 1)],
    ["two lines swapped", (lines: string[], at: number) => lines.toSpliced(at, 2, lines[at + 1]!, lines[at]!)],
    ["a line inserted", (lines: string[], at: number) => lines.toSpliced(at, 0, lines[at - 1]!)],
    ["an empty line inserted", (lines: string[], at: number) => lines.toSpliced(at, 0, "")],
  ] as const) {
    test(`${what}, at any place`, async () => {
      const path = fresh();
      const lines = files.get(middle)!.toString().trimEnd().split("\n");
      for (const at of [1, 2, 50, 100, 150, lines.length - 2]) {
        writeFileSync(path, `${change(lines, at).join("\n")}\n`);
        expect(await verifyPlace(place)).toMatchObject({
          ok: false,
          fault: { file: path, line: at + 1, seq: firstSeq + at },
        });
      }
    });
  }

  test("its last line deleted shows in the file after it", async () => {
    const path = fresh();
    const lines = files.get(middle)!.toString().trimEnd().split("\n");
    writeFileSync(path, `${lines.slice(0, -1).join("\n")}\n`);
    expect(await verifyPlace(place)).toMatchObject({
      ok: false,
      fault: { file: place.active, line: 1, seq: firstSeq + 199 },
    });
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
  });

  test("a record rewritten with a right hash breaks the link, whoever rewrites it", async () => {
    const path = fresh();
    const lines = files.get(middle)!.toString().trimEnd().split("\n");
    const body = lines[100]!.slice(0, -75).replace('"mark"', '"eve"');
    writeFileSync(path, `${lines.with(100, `${body},"hash":"${runtime.sha256(body)}"}`).join("\n")}\n`);
    const { fault } = await verifyPlace(place);
    expect(fault).toMatchObject({ file: path, line: 102, seq: firstSeq + 101 });
    expect(fault!.what).toContain("prev_hash");
  });
});

describe("Property 6: What is missing shows against the checkpoint", () => {
  test("the whole chain rewritten from some record on does not fit the signed tree", async () => {
    const { place } = await threeDays(5);
    const rewritten: string[] = [];
    let previous = "";
    for (const [index, line] of linesIn(place.active).entries()) {
      let body = line.slice(0, -75);
      if (index > 0) body = body.replace(/"prev_hash":".{64}"/, `"prev_hash":"${previous}"`);
      if (index === 1) body = body.replace('"mark"', '"eve"');
      previous = runtime.sha256(body);
      rewritten.push(`${body},"hash":"${previous}"}`);
    }
    writeFileSync(place.active, `${rewritten.join("\n")}\n`);
    const { ok, fault } = await verifyPlace(place);
    expect(ok).toBe(false);
    expect(fault).toMatchObject({ file: place.checkpoint });
    expect(fault!.what).toContain("records were changed");
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
  });

  test("a tail cut at any record", async () => {
    const { place } = await threeDays(5);
    const lines = linesIn(place.active);
    for (let keep = lines.length - 1; keep >= 1; keep--) {
      writeFileSync(place.active, `${lines.slice(0, keep).join("\n")}\n`);
      const { ok, fault } = await verifyPlace(place);
      expect(ok).toBe(false);
      expect(fault!.what).toContain("the end was cut off");
      expect((await rejection(openLog(place))).message).toContain("the end was cut off");
    }
    unlinkSync(place.active);
    expect((await verifyPlace(place)).fault!.what).toContain("the end was cut off");
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
  });

  test("an emptied folder, with and without its checkpoint", async () => {
    const { place } = await threeDays(5);
    for (const name of readdirSync(place.dir)) if (name.endsWith(".jsonl")) rmSync(join(place.dir, name));
    expect(await verifyPlace(place)).toMatchObject({ ok: false, fault: { file: place.dir } });
    expect((await rejection(openLog(place))).message).toContain("the log is gone, but its checkpoint is still there");
    unlinkSync(place.checkpoint);
    expect(await verifyPlace(place)).toMatchObject({ ok: false, fault: { what: "the folder holds no audit log" } });
    const error = await rejection(openLog(place));
    expect(error).toMatchObject({ exitCode: 4 });
    expect(error.message).toContain(`its key ${place.keyFile} exists`);
    expect(readdirSync(place.dir).filter((name) => name.endsWith(".jsonl"))).toEqual([]);
  });

  test("the checkpoint itself missing, or of another size, or signed by a stranger", async () => {
    const { place, files } = await threeDays(5);
    const stranger = await threeDays(5);
    unlinkSync(place.checkpoint);
    expect(await verifyPlace(place)).toMatchObject({ ok: false, fault: { file: place.checkpoint } });
    expect((await rejection(openLog(place))).message).toContain("missing");
    const note = files.get("orchestrator-audit.checkpoint")!.toString();
    for (const forged of [
      stranger.files.get("orchestrator-audit.checkpoint")!.toString(),
      note.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) - 1}\n`),
      note.replace(/.\n$/, "A\n"),
      note.slice(0, -1),
      `${note}\n`,
      "",
    ]) {
      writeFileSync(place.checkpoint, forged, { mode: 0o600 });
      expect({ forged, ok: (await verifyPlace(place)).ok }).toEqual({ forged, ok: false });
      expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
    }
  });

  test("a file under another name than its records say: another day, another first seq", async () => {
    const { place, files, closed } = await threeDays(5);
    const [first, middle] = closed as [string, string];
    for (const [from, to, line] of [
      // Older than it is: retention, which takes the age from the name, would let it go too early.
      [middle, middle.replace("2026-01-10", "2025-01-10"), 1],
      [first, first.replace("2026-01-09", "2026-01-08"), 1],
      [middle, middle.replace(/\.(\d+)\.jsonl$/, (_, seq) => `.${Number(seq) + 1}.jsonl`), 1],
    ] as const) {
      restore(place.dir, files);
      renameSync(from, to);
      const { ok, fault } = await verifyPlace(place);
      expect({ to, ok, fault }).toMatchObject({ to, ok: false, fault: { file: to, line } });
      expect(fault!.what).toContain("the file's name says");
      expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
    }
  });

  test("a record of another day than its file's, though it was chained and signed by us", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock });
    await log.append(intent(1));
    await log.close();
    const { publicKey, logId } = await verifyPlace(place);
    const key = await loadKey(runtime.files, place.keyFile);
    const head = recordsIn(place.active).at(-1)!;
    const at = { seq: head.seq + 1, prevHash: head.hash, epochMs: clock.now() + 86_400_000 };
    const { line } = encodeRecord(intent(2), at, runtime.sha256);
    appendFileSync(place.active, line);
    const tree = new Tree(runtime.sha256);
    for (const each of linesIn(place.active)) tree.append(Buffer.from(`\0${each}`));
    const checkpoint = { origin: `roxy-core/${logId}`, size: tree.size, root: tree.root() };
    writeFileSync(place.checkpoint, await signCheckpoint(checkpoint, key, runtime.sha256), { mode: 0o600 });
    expect((await verifyPlace(place, { publicKey: publicKey! })).fault).toEqual({
      file: place.active,
      line: linesIn(place.active).length,
      seq: head.seq + 1,
      what: "the file began on 2026-01-09, but the record is of 2026-01-10T08:00:00.000Z",
    });
  });

  test("a missing middle file: found by verification, and by the start, which reads no middle file", async () => {
    const { place, closed } = await threeDays(5);
    unlinkSync(closed[1]!);
    expect(await verifyPlace(place)).toMatchObject({ ok: false, fault: { file: place.active, line: 1 } });
    const error = await rejection(openLog(place));
    expect(error).toMatchObject({ exitCode: 4 });
    expect(error.message).toContain("records are missing");
  });

  test("cut down to its genesis, and the checkpoint gone, as if it had only just begun", async () => {
    const { place, closed } = await threeDays(5);
    const { publicKey } = await verifyPlace(place);
    for (const path of [...closed, place.checkpoint]) rmSync(path);
    writeFileSync(
      place.active,
      `${(await threeDays(2)).files.get("orchestrator-audit-2026-01-09.0.jsonl")!.toString().split("\n")[0]}\n`,
    );
    const what = "the checkpoint is missing: a cut end would not show";
    expect(await verifyPlace(place, { publicKey: publicKey! })).toMatchObject({ ok: false });
    const own = (JSON.parse(linesIn(place.active)[0]!) as { public_key: string }).public_key;
    expect((await verifyPlace(place, { publicKey: own })).fault).toMatchObject({ file: place.checkpoint, what });
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
  });

  test("a closed file without a record, beside the others", async () => {
    const { place } = await threeDays(5);
    const path = join(place.dir, "orchestrator-audit-2026-01-10.4.jsonl");
    writeFileSync(path, "", { mode: 0o600 });
    expect(await verifyPlace(place)).toMatchObject({
      ok: false,
      fault: { file: path, what: "the file holds no record" },
    });
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
  });

  test("a missing first file without a prune record", async () => {
    const { place, closed } = await threeDays(5);
    unlinkSync(closed[0]!);
    const { ok, fault } = await verifyPlace(place);
    expect(ok).toBe(false);
    expect(fault!.what).toContain("are missing, and no prune record says why");
  });

  test("the first line of the active file, and a file that is there twice", async () => {
    const { place, files, closed } = await threeDays(5);
    writeFileSync(place.active, readFileSync(place.active, "utf8").replace("checkpoint", "checkpaint"));
    expect(await verifyPlace(place)).toMatchObject({ ok: false, fault: { file: place.active, line: 1, seq: 7 } });
    restore(place.dir, files);
    const twin = closed[1]!.replace("2026-01-10", "2026-01-11");
    writeFileSync(twin, readFileSync(closed[1]!), { mode: 0o600 });
    expect(await verifyPlace(place)).toMatchObject({ ok: false });
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
    restore(place.dir, files);
    writeFileSync(place.active, readFileSync(closed[1]!), { mode: 0o600 });
    expect(await verifyPlace(place)).toMatchObject({ ok: false });
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
  });

  test("another key than the given one", async () => {
    const { place } = await threeDays(5);
    const { publicKey } = await verifyPlace(place);
    expect(await verifyPlace(place, { publicKey: publicKey! })).toMatchObject({ ok: true, keyIsPinned: true });
    const { publicKey: other } = await verifyPlace((await threeDays(5)).place);
    expect(await verifyPlace(place, { publicKey: other! })).toMatchObject({ ok: false });
  });

  test("a checkpoint kept elsewhere proves a log that was cut and signed again", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const early = snapshot(place.dir);
    await log.append(intent(1));
    await log.close();
    const kept = readFileSync(place.checkpoint, "utf8");
    restore(place.dir, early);
    const again = await openLog(place);
    await again.log.appendMany([intent(7), intent(8), intent(9), intent(10)]);
    await again.log.close();
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
    expect(await verifyPlace(place, { checkpoint: kept })).toMatchObject({ ok: false });
  });
});
