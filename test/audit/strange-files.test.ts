import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { isFlaw } from "../../src/audit/frame.ts";
import type { ProofFile } from "../../src/audit/proof-file.ts";
import { checkProofFile, makeProofFile } from "../../src/audit/proof-file.ts";
import { signingKey } from "../../src/audit/evidence.ts";
import { readDispatch } from "../../src/audit/read.ts";
import { hashSuffixBytes } from "../../src/audit/record.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Place } from "./log-folder.ts";
import { intent, linesIn, newPlace, openLog, rejection, snapshot, verifyPlace } from "./log-folder.ts";

/** Files that were written to break whoever reads them: an answer, never a crash. */

async function someLog(): Promise<Place> {
  const place = newPlace();
  const { log } = await openLog(place);
  await log.append(intent(1));
  await log.append({ ...intent(1), event: "outcome", result: "queued" });
  await log.close();
  return place;
}

async function expectStopped(place: Place, words: string): Promise<void> {
  const before = snapshot(place.dir);
  const error = await rejection(openLog(place));
  expect(error).toMatchObject({ exitCode: 4 });
  expect(error.message).toContain(words);
  expect(snapshot(place.dir)).toEqual(before);
  const result = await verifyPlace(place);
  expect(result.ok).toBe(false);
  expect(result.fault!.what).toContain(words);
}

describe("A public key that is none", () => {
  for (const key of ['"!!!"', "5", '"AAAA"', "null"]) {
    test(`${key} in genesis stops the start and verification`, async () => {
      const place = await someLog();
      const lines = linesIn(place.active);
      const body = lines[0]!.slice(0, -hashSuffixBytes).replace(/"public_key":"[^"]*"/, `"public_key":${key}`);
      const spoilt = `${body},"hash":"${runtime.sha256(body)}"}`;
      writeFileSync(place.active, `${spoilt}\n`, { mode: 0o600 });
      await expectStopped(place, "names no Ed25519 public key");
    });
  }

  test("in a proof file is a flaw", async () => {
    const proof = await proofOf(await someLog());
    for (const key of ["!!!", 5, "AAAA", null, proof.public_key.slice(1)]) {
      const verdict = await checkProofFile(JSON.stringify({ ...proof, public_key: key }), runtime.sha256);
      expect(verdict).toMatchObject({ flaw: expect.stringContaining("public_key") });
    }
  });
});

describe("A checkpoint that can't be one", () => {
  test("longer than any: the start and verification say so", async () => {
    const place = await someLog();
    writeFileSync(place.checkpoint, readFileSync(place.checkpoint, "utf8").padEnd(20_000, "x"), { mode: 0o600 });
    await expectStopped(place, "it is not a signed checkpoint: it has 20002 bytes");
  });
});

describe("A proof that says more than it proves", () => {
  test("the same record twice, or records out of order, is a flaw", async () => {
    const proof = await proofOf(await someLog());
    const [first, second] = proof.records;
    expect(await checkProofFile(JSON.stringify(proof), runtime.sha256)).toMatchObject({ records: { length: 2 } });
    for (const records of [
      [first, first],
      [first, second, second],
      [second, first],
    ]) {
      const verdict = await checkProofFile(JSON.stringify({ ...proof, records }), runtime.sha256);
      if (!isFlaw(verdict)) throw new Error("It holds");
      expect(verdict.flaw).toContain("out of order");
    }
  });
});

async function proofOf(place: Place): Promise<ProofFile> {
  const deps = { files: runtime.files, sha256: runtime.sha256, dir: place.dir };
  const { audit_id } = intent(1);
  const lines = (await readDispatch(deps, audit_id)).map(({ record, text }) => ({ seq: record.seq, line: text }));
  return makeProofFile(deps, audit_id, await signingKey(deps), lines);
}
