import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keyStatement } from "../../src/audit/chain.ts";
import { loadKey, makeKey } from "../../src/audit/key.ts";
import { runtime } from "../../src/runtime/bun.ts";
import { intent, newPlace, openLog, recordsIn, rejection, verifyPlace } from "./log-folder.ts";

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
    const statement = (logId: string, old: string, next: string): string =>
      keyStatement({ logId, oldKey: old, newKey: next });
    for (const forged of ["old_signature", "new_signature"] as const) {
      const place = newPlace();
      const { log } = await openLog(place);
      const { publicKey: old, logId } = await verifyPlace(place);
      const mine = await loadKey(files, place.keyFile);
      const other = await makeKey(files, join(place.root, "other.key"));
      const text = statement(logId!, old!, other.publicKey);
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
        what: "the key record is not signed by both keys",
      });
      writeFileSync(place.keyFile, readFileSync(join(place.root, "other.key")), { mode: 0o600 });
      expect((await rejection(openLog(place))).message).toContain("is not signed by both keys");
    }
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
