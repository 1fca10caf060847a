import { describe, expect, test } from "bun:test";
import { appendFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFlaw } from "../../src/audit/frame.ts";
import type { ProofFile } from "../../src/audit/proof-file.ts";
import { checkProofFile, makeProofFile } from "../../src/audit/proof-file.ts";
import { signingKey } from "../../src/audit/evidence.ts";
import { readDispatch } from "../../src/audit/read.ts";
import { hashSuffixBytes } from "../../src/audit/record.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Place } from "./log-folder.ts";
import { HandClock, intent, linesIn, newPlace, openLog, rejection, snapshot, verifyPlace } from "./log-folder.ts";

/** Files that were written to break whoever reads them: an answer, never a crash. */

async function someLog(): Promise<Place> {
  const place = newPlace();
  const { log } = await openLog(place);
  await log.append(intent(1));
  await log.append({ ...intent(1), event: "outcome", result: "queued" });
  await log.close();
  return place;
}

async function expectStopped(place: Place, words: string, verifyWords = words): Promise<void> {
  const before = snapshot(place.dir);
  const error = await rejection(openLog(place));
  expect(error).toMatchObject({ exitCode: 4 });
  expect(error.message).toContain(words);
  expect(snapshot(place.dir)).toEqual(before);
  const result = await verifyPlace(place);
  expect(result.ok).toBe(false);
  expect(result.fault!.what).toContain(verifyWords);
}

describe("A public key that is none", () => {
  const none = "names no Ed25519 public key";
  const noText = "public_key is not a well-formed string";
  for (const [key, words] of [
    ['"!!!"', none],
    ["5", noText],
    ['"AAAA"', none],
    ["null", noText],
  ] as const) {
    test(`${key} in genesis stops the start and verification`, async () => {
      const place = await someLog();
      const lines = linesIn(place.active);
      const body = lines[0]!.slice(0, -hashSuffixBytes).replace(/"public_key":"[^"]*"/, `"public_key":${key}`);
      const spoilt = `${body},"hash":"${runtime.sha256(body)}"}`;
      writeFileSync(place.active, `${spoilt}\n`, { mode: 0o600 });
      await expectStopped(place, words);
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

describe("A checkpoint in another spelling", () => {
  test.each([
    ["a byte order mark", (text: string) => `\u{feff}${text}`],
    [
      "bits that its root's base64 leaves over",
      (text: string) => text.replace(/([A-Za-z0-9+/])=\n\n/, (_, c) => `${next(c)}=\n\n`),
    ],
    [
      "bits that its signature's base64 leaves over",
      (text: string) => text.replace(/([A-Za-z0-9+/])=+\n$/, (all, c) => `${next(c)}${all.slice(1)}`),
    ],
  ])("%s: the start and verification refuse what other programs would not take", async (_, change) => {
    const place = await someLog();
    const text = readFileSync(place.checkpoint, "utf8");
    expect(change(text)).not.toBe(text);
    writeFileSync(place.checkpoint, change(text), { mode: 0o600 });
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
    expect((await verifyPlace(place)).ok).toBe(false);
  });

  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const next = (letter: string): string => alphabet[alphabet.indexOf(letter) + 1]!;
});

describe("A file that does not begin with its log", () => {
  test("a closed file that was cut in two, rightly named, stops the start and verification", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock });
    for (let number = 0; number < 3; number++) await log.append(intent(number));
    clock.advanceDays(1);
    await log.append(intent(3));
    await log.close();
    const [closed] = readdirSync(place.dir).filter((name) => /-\d{4}-/.test(name)) as [string];
    const lines = linesIn(join(place.dir, closed));
    writeFileSync(
      join(place.dir, closed),
      lines
        .slice(0, 2)
        .map((line) => `${line}\n`)
        .join(""),
      { mode: 0o600 },
    );
    const rest = join(place.dir, closed.replace(".0.", ".2."));
    writeFileSync(
      rest,
      lines
        .slice(2)
        .map((line) => `${line}\n`)
        .join(""),
      { mode: 0o600 },
    );
    await expectStopped(place, "lacks its log_id", 'the file begins with the event "intent"');
  });
});

describe("A record that is chained and can't be one", () => {
  test.each([
    ['"uptime_ms":"x"', "uptime_ms is not a well-formed integer"],
    ['"uptime_ms":1e300', "uptime_ms is not a well-formed integer"],
    ['"audit_id":5', "audit_id is not a well-formed string"],
    ['"options":7', "options is not an object"],
    ['"replayed":"no"', "replayed is not a well-formed boolean"],
  ])("%s stops the start and verification", async (field, words) => {
    const place = await someLog();
    const head = JSON.parse(linesIn(place.active).at(-1)!) as { seq: number; hash: string; timestamp: string };
    const body = `{"v":1,"seq":${head.seq + 1},"timestamp":"${head.timestamp}","event":"job",${field},"prev_hash":"${head.hash}"`;
    appendFileSync(place.active, `${body},"hash":"${runtime.sha256(body)}"}\n`);
    await expectStopped(place, words);
  });

  test("a record of another day, behind what is signed, stops the start and verification", async () => {
    const place = await someLog();
    const head = JSON.parse(linesIn(place.active).at(-1)!) as { seq: number; hash: string };
    const body = `{"v":1,"seq":${head.seq + 1},"timestamp":"2026-01-07T00:00:00.000Z","event":"job","prev_hash":"${head.hash}"`;
    appendFileSync(place.active, `${body},"hash":"${runtime.sha256(body)}"}\n`);
    await expectStopped(place, "2026-01-09, but the record is of 2026-01-07");
  });
});

describe("What verification costs and tells", () => {
  test("the folder is listed a few times, however many files it holds", async () => {
    const place = newPlace();
    const { log } = await openLog(place, { rotateBytesMax: 1 });
    for (let number = 0; number < 60; number++) await log.append(intent(number));
    await log.close();
    let lists = 0;
    const list = (folder: string): string[] => (lists++, runtime.files.list(folder));
    expect(await verifyPlace(place, { files: { ...runtime.files, list } })).toMatchObject({ ok: true, files: 62 });
    expect(lists).toBeLessThan(10);
  });

  test("an active file without a whole record is told: a start will set it aside", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock });
    await log.append(intent(1));
    await log.close();
    renameSync(place.active, join(place.dir, "orchestrator-audit-2026-01-09.0.jsonl"));
    writeFileSync(place.active, "torn bytes", { mode: 0o600 });
    const { ok, warnings } = await verifyPlace(place);
    expect({ ok, warnings: warnings.join() }).toMatchObject({
      ok: true,
      warnings: expect.stringContaining("10 bytes"),
    });
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
