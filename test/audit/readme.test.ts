import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./log-folder.ts";
import { HandClock, intent, newPlace, openLog, verifyPlace } from "./log-folder.ts";

/** "Check it without us" in src/audit/README.md, run as written. */

const readme = readFileSync(join(import.meta.dir, "../../src/audit/README.md"), "utf8");
const [chainScript, signatureScript, prunedScript] = [...readme.matchAll(/```sh\n([^]*?)```/g)].map(
  (match) => match[1]!,
);

async function writtenLog(): Promise<Place> {
  const place = newPlace();
  const clock = new HandClock();
  const { log } = await openLog(place, { clock });
  await log.append({ ...intent(1), detail: 'back\\slash, "quotes", \u007f, \n, \t, %s, $HOME, `id`, ünï, \u2028, 🎸' });
  clock.advanceDays(1);
  await log.append({ ...intent(2), options: { a: "  two  spaces  ", b: -1, c: true } });
  await log.rotateKey();
  await log.close();
  return place;
}

function run(place: Place, script: string, ...args: string[]): { status: number | null; output: string } {
  const path = join(place.root, "script.sh");
  writeFileSync(path, script);
  // Debian's dash is as plain as shells get.
  const { status, stdout, stderr } = spawnSync("sh", [path, place.dir, ...args], { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

describe("Check it without us", () => {
  test("the shell checks every hash and link of an intact log", async () => {
    const place = await writtenLog();
    expect(run(place, chainScript!)).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^chain holds: 6 records from seq 0 on, head seq 5 /),
    });
  });

  test("the shell finds a changed record and a missing one", async () => {
    const place = await writtenLog();
    const text = readFileSync(place.active, "utf8");
    writeFileSync(place.active, text.replace("mark", "merk"));
    expect(run(place, chainScript!)).toMatchObject({ status: 4, output: expect.stringContaining("wrong hash") });
    writeFileSync(place.active, text.replace(/\n[^]*?\n/, "\n"));
    expect(run(place, chainScript!)).toMatchObject({ status: 4, output: expect.stringContaining("does not follow") });
  });

  test("the shell finds a cut tail", async () => {
    const place = await writtenLog();
    const lines = readFileSync(place.active, "utf8").trimEnd().split("\n");
    writeFileSync(place.active, `${lines.slice(0, -1).join("\n")}\n`);
    expect(run(place, chainScript!)).toMatchObject({
      status: 4,
      output: expect.stringContaining("its end was cut off"),
    });
    rmSync(place.checkpoint);
    expect(run(place, chainScript!).status).toBe(4);
  });

  test("of a pruned log the shell wants the prune record, and all scripts hold", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock, retentionDays: 2 });
    for (let day = 0; day < 6; day++) {
      await log.append(intent(day));
      clock.advanceDays(1);
    }
    await log.close();
    const { firstSeq, records } = await verifyPlace(place);
    expect(firstSeq).toBeGreaterThan(0);
    const holds = `chain holds: ${records} records from seq ${firstSeq} on`;
    expect(run(place, chainScript!)).toMatchObject({ status: 0, output: expect.stringContaining(holds) });
    expect(run(place, signatureScript!)).toMatchObject({ status: 0 });
    expect(run(place, prunedScript!)).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^[1-9] prune records/),
    });
    const note = readFileSync(place.checkpoint, "utf8");
    writeFileSync(place.checkpoint, note.replace(/\n\d+\n/, "\n1\n"));
    expect(run(place, chainScript!)).toMatchObject({
      status: 4,
      output: "no checkpoint covers the prune record\n",
    });
    writeFileSync(place.checkpoint, note);
    const oldest = readdirSync(place.dir)
      .filter((name) => /-\d{4}-/.test(name))
      .toSorted()[0]!;
    rmSync(join(place.dir, oldest));
    expect(run(place, chainScript!)).toMatchObject({
      status: 4,
      output: expect.stringContaining("are missing, and no prune record says why"),
    });
  });

  test("a prune record's signature is checked, each by the key of its time", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log } = await openLog(place, { clock, retentionDays: 2 });
    for (let day = 0; day < 6; day++) {
      await log.append(intent(day));
      if (day === 4) await log.rotateKey();
      clock.advanceDays(1);
    }
    await log.close();
    expect(run(place, prunedScript!)).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^[2-9] prune records/),
    });
    const text = readFileSync(place.active, "utf8");
    writeFileSync(place.active, text.replace(/("event":"prune".*"first_seq":)(\d+)/, "$17"));
    expect(run(place, prunedScript!)).toMatchObject({ status: 4, output: expect.stringContaining("is not signed") });
  });

  test("between the two steps of a rotation, when there is no active file", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    await log.append(intent(1));
    await log.close();
    renameSync(place.active, join(place.dir, "orchestrator-audit-2026-01-09.0.jsonl"));
    expect(run(place, chainScript!)).toMatchObject({ status: 0 });
    expect(run(place, signatureScript!)).toMatchObject({ status: 0 });
    renameSync(join(place.dir, "orchestrator-audit-2026-01-09.0.jsonl"), join(place.root, "away"));
    expect(run(place, chainScript!)).toMatchObject({ status: 4, output: "there is no log here\n" });
  });

  test("a NUL byte, which a shell does not see, is found", async () => {
    const place = await writtenLog();
    const bytes = readFileSync(place.active);
    const at = bytes.indexOf("mark");
    writeFileSync(place.active, Buffer.concat([bytes.subarray(0, at), Buffer.from([0]), bytes.subarray(at)]));
    expect(run(place, chainScript!)).toMatchObject({ status: 4, output: "there are NUL bytes\n" });
  });

  test("an option that is called public_key is not the log's key", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const stranger = new Uint8Array(32).fill(7).toBase64();
    await log.append({ ...intent(1), options: { public_key: stranger, event: '"event":"key","public_key":"x"' } });
    await log.close();
    expect(run(place, signatureScript!)).toMatchObject({
      status: 0,
      output: expect.stringContaining("Verified Successfully"),
    });
    expect(run(place, signatureScript!, stranger).status).toBe(1);
  });

  test("openssl checks the checkpoint's signature, and refuses a changed one", async () => {
    const place = await writtenLog();
    expect(run(place, signatureScript!)).toMatchObject({
      status: 0,
      output: expect.stringContaining("Verified Successfully"),
    });
    writeFileSync(place.checkpoint, readFileSync(place.checkpoint, "utf8").replace("\n6\n", "\n7\n"));
    expect(run(place, signatureScript!).status).toBe(1);
  });
});
