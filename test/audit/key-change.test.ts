import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyStatement } from "../../src/audit/chain.ts";
import { isFlaw } from "../../src/audit/frame.ts";
import { loadKey, makeKey, signCheckpoint } from "../../src/audit/key.ts";
import { parseNote } from "../../src/audit/note.ts";
import type { StoredRecord } from "../../src/audit/record.ts";
import { runtime } from "../../src/runtime/bun.ts";
import { allRecords } from "./accounting.ts";
import {
  HandClock,
  intent,
  newPlace,
  openLog,
  recordsIn,
  rejection,
  restore,
  snapshot,
  verifyPlace,
} from "./log-folder.ts";

/** One key follows another, and the trust that was pinned goes with it. */

const { files } = runtime;

describe("A key change", () => {
  test("is signed by both keys; the old key stays as the trust that was pinned", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const { publicKey: old } = await verifyPlace(place);
    await log.rotateKey();
    await log.append(intent(1));
    await log.close();
    const now = await verifyPlace(place);
    expect(now).toMatchObject({ ok: true });
    expect(now.publicKey).not.toBe(old!);
    expect(await verifyPlace(place, { publicKey: old! })).toMatchObject({ ok: true });
    expect(existsSync(`${place.keyFile}.new`)).toBe(false);
    const again = await openLog(place);
    await again.log.close();
    expect(recordsIn(place.active).filter(({ event }) => event === "key").length).toBe(1);
  });

  test("a crash between its record and the key's final name is finished at the next start", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const oldKey = readFileSync(place.keyFile);
    await log.rotateKey();
    await log.close();
    renameSync(place.keyFile, `${place.keyFile}.new`);
    writeFileSync(place.keyFile, oldKey, { mode: 0o600 });
    const again = await openLog(place);
    await again.log.close();
    expect(existsSync(`${place.keyFile}.new`)).toBe(false);
    expect(readFileSync(place.keyFile)).not.toEqual(oldKey);
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  });

  test("without both signatures takes nobody in: not verification, not the next start", async () => {
    for (const forged of ["old_signature", "new_signature"] as const) {
      const place = newPlace();
      const { log } = await openLog(place);
      const { publicKey: old, logId, head } = await verifyPlace(place);
      const mine = await loadKey(files, place.keyFile);
      const other = await makeKey(files, join(place.root, "other.key"));
      const text = keyStatement({
        logId: logId!,
        seq: head!.seq + 1,
        prevHash: head!.hash,
        oldKey: old!,
        newKey: other.publicKey,
      });
      const junk = (await other.sign("something else")).toBase64();
      await log.append({
        event: "key",
        log_id: logId!,
        public_key: other.publicKey,
        old_signature: forged === "old_signature" ? junk : (await mine.sign(text)).toBase64(),
        new_signature: forged === "new_signature" ? junk : (await other.sign(text)).toBase64(),
      });
      await log.close();
      const { ok, fault } = await verifyPlace(place);
      expect({ forged, ok, what: fault?.what }).toEqual({
        forged,
        ok: false,
        what: "the key record is not signed by both keys for this place",
      });
      writeFileSync(place.keyFile, readFileSync(join(place.root, "other.key")), { mode: 0o600 });
      expect((await rejection(openLog(place))).message).toContain("is not signed by both keys for this place");
    }
  });

  test("holds at its one place only: the same record elsewhere, by a thief of the old key, takes nobody in", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const thief = readFileSync(place.keyFile);
    const early = snapshot(place.dir);
    await log.rotateKey();
    await log.close();
    const newKey = readFileSync(place.keyFile);
    const { seq, log_id, public_key, old_signature, new_signature } = recordsIn(place.active).find(
      ({ event }) => event === "key",
    )! as Required<StoredRecord>;
    // The log as it was before, gone on with by the thief; the key record then follows later than it did.
    restore(place.dir, early);
    writeFileSync(place.keyFile, thief, { mode: 0o600 });
    const forged = await openLog(place);
    await forged.log.append(intent(666));
    const moved = await forged.log.append({ event: "key", log_id, public_key, old_signature, new_signature });
    await forged.log.close();
    expect(moved.seq).not.toBe(seq);
    // Even a checkpoint by the new key, got from somewhere, does not help: the change itself is not signed for here.
    const { fault } = await verifyPlace(place);
    expect(fault).toMatchObject({ seq: moved.seq, what: "the key record is not signed by both keys for this place" });
    writeFileSync(place.keyFile, newKey, { mode: 0o600 });
    expect((await rejection(openLog(place))).message).toContain("is not signed by both keys for this place");
  });

  test("under load: what is appended meanwhile comes after it, and nothing is lost", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock, rotateBytesMax: 3000 });
    const done = new AbortController();
    let number = 0;
    const caller = async (): Promise<void> => {
      while (!done.signal.aborted) {
        await log.append(intent(++number));
        if (number % 20 === 0) clock.advanceDays(1);
      }
    };
    const callers = Promise.all([caller(), caller(), caller()]);
    for (let change = 0; change < 5; change++) await log.rotateKey();
    done.abort();
    await callers;
    await log.close();
    const records = allRecords(place);
    expect(records.filter(({ event }) => event === "key").length).toBe(5);
    expect(records.filter(({ event }) => event === "intent").length).toBe(number);
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  });

  test("of the old key, whoever still has it: a checkpoint that it signs afterwards is refused", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const old = await loadKey(files, place.keyFile);
    await log.rotateKey();
    await log.append(intent(1));
    await log.close();
    const note = parseNote(readFileSync(place.checkpoint, "utf8"));
    if (isFlaw(note)) throw new Error(note.flaw);
    writeFileSync(place.checkpoint, await signCheckpoint(note, old, runtime.sha256), { mode: 0o600 });
    expect((await verifyPlace(place)).fault).toMatchObject({
      file: place.checkpoint,
      what: "its signature is not by the log's key of that time",
    });
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
  });

  test("a start that is refused changes nothing, a pending key and a half-written checkpoint included", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const early = readFileSync(place.checkpoint);
    await log.close();
    const other = newPlace();
    await (await openLog(other)).log.close();
    writeFileSync(`${place.keyFile}.new`, readFileSync(other.keyFile), { mode: 0o600 });
    writeFileSync(`${place.checkpoint}.77.tmp`, early, { mode: 0o600 });
    writeFileSync(place.checkpoint, readFileSync(other.checkpoint), { mode: 0o600 });
    const folders = [place.dir, join(place.root, "keys")];
    const before = folders.map(snapshot);
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
    expect(folders.map(snapshot)).toEqual(before);
  });

  test("a pending key whose record never came is thrown away", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    await log.close();
    const other = newPlace();
    const { log: otherLog } = await openLog(other);
    await otherLog.close();
    writeFileSync(`${place.keyFile}.new`, readFileSync(other.keyFile), { mode: 0o600 });
    const key = readFileSync(place.keyFile);
    const again = await openLog(place);
    await again.log.close();
    expect(existsSync(`${place.keyFile}.new`)).toBe(false);
    expect(readFileSync(place.keyFile)).toEqual(key);
  });
});
