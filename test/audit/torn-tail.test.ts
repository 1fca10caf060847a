import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readDispatch, readRecords } from "../../src/audit/read.ts";
import { hashSuffixBytes, lineBytesMax } from "../../src/audit/record.ts";
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

/** src/audit/README.md, property 2 and 10: torn is not tampered. */

/** A log whose last record is acknowledged, and not covered by a checkpoint, as after kill -9. */
async function killedLog(records = 3): Promise<{ place: Place; files: Map<string, Buffer> }> {
  const place = newPlace();
  const { log } = await openLog(place);
  for (let i = 0; i < records; i++) await log.append(intent(i));
  const files = snapshot(place.dir);
  await log.close();
  restore(place.dir, files);
  return { place, files };
}

/** The start and verification agree, and nothing is changed. */
async function expectStopped(place: Place, words: string): Promise<void> {
  const before = snapshot(place.dir);
  const error = await rejection(openLog(place));
  expect(error).toMatchObject({ exitCode: 4 });
  expect(error.message).toContain(words);
  expect(snapshot(place.dir)).toEqual(before);
  const { ok, fault } = await verifyPlace(place);
  expect({ ok, file: fault?.file }).toEqual({ ok: false, file: place.active });
  expect(fault!.what).toContain(words);
}

/** Every way to read says so, instead of showing less. */
async function expectUnreadable(place: Place): Promise<void> {
  const deps = { files: runtime.files, sha256: runtime.sha256, dir: place.dir };
  const { audit_id } = intent(2);
  for (const read of [
    readRecords(deps, { limit: 100 }),
    readRecords(deps, { limit: 100, order: "newest" }),
    ...(statSync(place.active).size > 300_000 ? [] : [readDispatch(deps, audit_id)]),
  ]) {
    expect(await rejection(read)).toMatchObject({ exitCode: 4 });
  }
}

describe("Property 2: The file cut at every byte of its last record", () => {
  test("recovers exactly the complete records, moves the fragment aside and records it", async () => {
    const { place, files } = await killedLog();
    const whole = files.get("orchestrator-audit.jsonl")!;
    const lastStart = whole.lastIndexOf(10, whole.length - 2) + 1;
    const complete = whole.subarray(0, lastStart).toString();
    for (let cut = lastStart; cut < whole.length; cut++) {
      restore(place.dir, files);
      truncateSync(place.active, cut);
      const { log } = await openLog(place);
      await log.close();
      expect(readFileSync(place.active, "utf8")).toStartWith(complete);
      const added = recordsIn(place.active).slice(
        linesIn(place.active).indexOf(complete.trimEnd().split("\n").at(-1)!) + 1,
      );
      const fragments = readdirSync(place.dir).filter((name) => name.includes(".fragment."));
      if (cut === lastStart) {
        expect(fragments).toEqual([]);
        expect(added.map((record) => record.event)).toEqual(["open", "close"]);
        continue;
      }
      expect(added.map((record) => record.event)).toEqual(["recover", "open", "close"]);
      expect(fragments).toEqual([added[0]!.file!]);
      const fragment = join(place.dir, fragments[0]!);
      expect(readFileSync(fragment)).toEqual(Buffer.from(whole.subarray(lastStart, cut)));
      expect(statSync(fragment).mode & 0o777).toBe(0o600);
      expect(added[0]).toMatchObject({ bytes: cut - lastStart, reason: "torn tail" });
    }
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  }, 60_000);

  test("a torn batch leaves its complete records", async () => {
    const { place } = await killedLog();
    const before = linesIn(place.active).length;
    truncateSync(place.active, statSync(place.active).size - 400);
    const { log } = await openLog(place);
    await log.close();
    const records = recordsIn(place.active);
    expect(records.map((record) => record.seq)).toEqual(records.map((_, index) => index));
    expect(records.filter((record) => record.event === "recover").length).toBe(1);
    expect(records.filter((record) => record.event === "intent").length).toBeLessThan(before);
  });

  test("a fragment that can't be copied stays where it is", async () => {
    const { place } = await killedLog();
    truncateSync(place.active, statSync(place.active).size - 10);
    const torn = snapshot(place.dir);
    const writeAtomic = (): never => {
      throw new Error("ENOSPC");
    };
    await rejection(openLog(place, { files: { ...runtime.files, writeAtomic } }));
    expect(snapshot(place.dir)).toEqual(torn);
  });

  test("a crash between the copy and the cut is taken up again, under the same name", async () => {
    const { place, files } = await killedLog();
    truncateSync(place.active, statSync(place.active).size - 10);
    const torn = snapshot(place.dir);
    const first = await openLog(place);
    await first.log.close();
    const name = readdirSync(place.dir).find((each) => each.includes(".fragment."))!;
    restore(place.dir, new Map([...torn, [name, readFileSync(join(place.dir, name))]]));
    const second = await openLog(place);
    await second.log.close();
    expect(readdirSync(place.dir).filter((each) => each.includes(".fragment."))).toEqual([name]);
    expect(files.size).toBe(2);
  });
});

describe("Property 2: A complete line that is wrong, even the last one, stops the start with exit code 4", () => {
  for (const [what, spoil] of [
    [
      "one digit of the last hash",
      (text: string) => text.replace(/(.)"\}\n$/, (_, digit) => `${digit === "0" ? "1" : "0"}"}\n`),
    ],
    ["one letter of the last record", (text: string) => text.replace(/"mark"(?=[^\n]*\n$)/, '"merk"')],
    ["an empty last line", (text: string) => `${text}\n`],
    ["a last line that is not a record", (text: string) => `${text}{"v":1}\n`],
    ["the last line twice", (text: string) => `${text}${text.trimEnd().split("\n").at(-1)}\n`],
  ] as const) {
    test(`${what}: nothing is changed`, async () => {
      const { place } = await killedLog();
      writeFileSync(place.active, spoil(readFileSync(place.active, "utf8")), { mode: 0o600 });
      const before = snapshot(place.dir);
      const error = await rejection(openLog(place));
      expect(error.exitCode).toBe(4);
      expect(error.message).toContain(`${place.active} line `);
      expect(snapshot(place.dir)).toEqual(before);
      expect(await verifyPlace(place)).toMatchObject({ ok: false, fault: { file: place.active } });
    });
  }

  test("more than a line without its end is no torn tail, also where a new log would begin", async () => {
    for (const bytes of [lineBytesMax, lineBytesMax + 1, 300_000]) {
      const { place } = await killedLog();
      appendFileSync(place.active, Buffer.alloc(bytes, 0x20));
      await expectStopped(place, "it is none of ours");
    }
    const { place } = await killedLog();
    appendFileSync(place.active, Buffer.alloc(lineBytesMax - 1, 0x20));
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
    await (await openLog(place)).log.close();
    const fresh = newPlace();
    mkdirSync(fresh.dir, { mode: 0o700 });
    writeFileSync(fresh.active, Buffer.alloc(300_000, 0x20), { mode: 0o600 });
    const error = await rejection(openLog(fresh));
    expect(error).toMatchObject({ exitCode: 4 });
    expect(error.message).toContain("more than a crash can tear");
  });

  test("a line longer than any of ours hides nothing that stands behind it, from nobody", async () => {
    const { place } = await killedLog();
    const lines = linesIn(place.active);
    for (const [long, at] of [
      [600_000, -2],
      [600_000, 0],
      [300_000, -2],
      [300_000, 0],
    ] as const) {
      const spoilt = lines.toSpliced(at, 0, "x".repeat(long));
      writeFileSync(place.active, spoilt.map((line) => `${line}\n`).join(""), { mode: 0o600 });
      await expectStopped(place, "it is none of ours");
      await expectUnreadable(place);
    }
  });

  test("a damaged first line of the file being written hides nothing from readers either", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock });
    await log.append(intent(1));
    clock.advanceDays(1);
    await log.append(intent(2));
    await log.close();
    writeFileSync(place.active, readFileSync(place.active, "utf8").replace('"new file"', '"old file"'), {
      mode: 0o600,
    });
    await expectUnreadable(place);
    expect(await verifyPlace(place)).toMatchObject({ ok: false, fault: { file: place.active, line: 1 } });
  });

  for (const [what, spoil] of [
    ["is not JSON", (body: string) => body.replace('"user_id":"mark"', '"user_id":mark')],
    ["has event twice", (body: string) => body.replace('"user_id":"mark"', '"event":"outcome"')],
    ["has seq twice", (body: string) => body.replace('"user_id":"mark"', '"seq":1')],
    ["is of no time", (body: string) => body.replace("T08:00:00.000Z", "T99:99:99.000Z")],
    ["is of no day", (body: string) => body.replace("2026-01-09T", "2026-02-30T")],
  ] as const) {
    test(`a line behind the checkpoint, rightly hashed and linked, that ${what}: to the start and to verification`, async () => {
      const { place } = await killedLog();
      const lines = linesIn(place.active);
      const body = spoil(lines.at(-1)!.slice(0, -hashSuffixBytes));
      const spoilt = `${body},"hash":"${runtime.sha256(body)}"}`;
      expect(spoilt).not.toBe(lines.at(-1)!);
      writeFileSync(place.active, `${lines.with(lines.length - 1, spoilt).join("\n")}\n`, { mode: 0o600 });
      await expectStopped(place, "");
    });
  }

  test("a newer format version behind ours stops the start and verification alike: exit code 4", async () => {
    const { place } = await killedLog();
    const lines = linesIn(place.active);
    const spoilt = lines.with(lines.length - 1, lines.at(-1)!.replace('{"v":1,', '{"v":2,'));
    writeFileSync(place.active, `${spoilt.join("\n")}\n`, { mode: 0o600 });
    await expectStopped(place, "format version 2; this program knows 1");
    expect((await verifyPlace(place)).fault!.foreignVersion).toBeUndefined();
  });

  test("a log of a newer format version is left alone: exit code 1", async () => {
    const { place } = await killedLog();
    writeFileSync(place.active, readFileSync(place.active, "utf8").replaceAll('{"v":1,', '{"v":2,'), { mode: 0o600 });
    const before = snapshot(place.dir);
    const error = await rejection(openLog(place));
    expect(error.exitCode).toBe(1);
    expect(error.message).toContain("format version 2; this program knows 1");
    expect(snapshot(place.dir)).toEqual(before);
  });
});

describe("A first start that was cut short", () => {
  test("a torn genesis is set aside and the log begins", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    await log.close();
    const genesis = linesIn(place.active)[0]!;
    const fresh = newPlace();
    const probe = await openLog(fresh);
    await probe.log.close();
    restore(fresh.dir, new Map([["orchestrator-audit.jsonl", Buffer.from(genesis.slice(0, 100))]]));
    // The key has its final name, so a log was kept: an empty one is not believed.
    expect(await rejection(openLog(fresh))).toMatchObject({ exitCode: 4 });
    const { renameSync } = await import("node:fs");
    renameSync(fresh.keyFile, `${fresh.keyFile}.new`);
    const again = await openLog(fresh);
    await again.log.close();
    expect(existsSync(fresh.keyFile)).toBe(true);
    expect(recordsIn(fresh.active)[0]).toMatchObject({ event: "genesis", seq: 0 });
    expect(await verifyPlace(fresh)).toMatchObject({ ok: true });
  });
});
