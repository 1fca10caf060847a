import { describe, expect, test } from "bun:test";
import { readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { runtime } from "#runtime";
import type { RunningGateway } from "../../src/cli/doctor-audit.ts";
import { auditFindings } from "../../src/cli/doctor-audit.ts";
import type { Finding } from "../../src/cli/doctor-finding.ts";
import { auditDefaults } from "../../src/config/schema.ts";
import { HandClock, intent, linesIn, newPlace, openLog, verifyPlace } from "../audit/log-folder.ts";
import { makeLog } from "./audit-log.ts";
import { newRoot } from "./stage.ts";

interface Looked {
  readonly problems: readonly Finding[];
  readonly fixes: ReadonlySet<string | undefined>;
}

/** What is wrong, with the root's name taken out. */
async function lookAt(root: string, dir = "logs", running?: RunningGateway): Promise<Looked> {
  const audit = { ...auditDefaults(root), dir: path.join(root, dir), retention_days: 90, disk_reserve_mb: 1 };
  const found = await auditFindings(runtime, { audit }, running);
  const problems = found
    .filter(({ state }) => state === "problem")
    .map((finding) => ({ ...finding, detail: finding.detail.replaceAll(root, "ROOT") }));
  return { problems, fixes: new Set(problems.map(({ fix }) => fix)) };
}

describe("a log that is gone", () => {
  const active = "logs/orchestrator-audit.jsonl";
  const byCheckpoint = "the log is gone, but its checkpoint is still there; the gateway does not start";
  const byKey = "the log is gone, but its key ROOT/keys/audit-ed25519.key exists; the gateway does not start";

  test.each([
    ["its file removed", (root: string) => rmSync(path.join(root, active)), `In ROOT/logs ${byCheckpoint}`],
    ["its file emptied", (root: string) => truncateSync(path.join(root, active)), `In ROOT/logs ${byCheckpoint}`],
    [
      "its folder emptied",
      (root: string) => {
        const logs = path.join(root, "logs");
        for (const name of readdirSync(logs)) rmSync(path.join(logs, name));
      },
      `In ROOT/logs ${byKey}`,
    ],
    [
      "its folder removed",
      (root: string) => rmSync(path.join(root, "logs"), { recursive: true }),
      `ROOT/logs is not there: ${byKey}`,
    ],
  ])("with %s, is a problem, and in the words of the start", async (_, remove, detail) => {
    const root = newRoot();
    await makeLog(root, []);
    expect((await lookAt(root)).problems).toEqual([]);
    remove(root);
    const { problems, fixes } = await lookAt(root);
    expect(problems.map((one) => one.detail)).toEqual([detail]);
    const start = String(await makeLog(root, []).catch((error: unknown) => error)).replaceAll(root, "ROOT");
    expect(start).toContain(detail.replace(/^.*?(the log is gone.*);.*$/, "$1"));
    expect(start).toEndWith(`. ${[...fixes][0]}`);
  });

  test("another folder beside the key of a log is one, too", async () => {
    const root = newRoot();
    await makeLog(root, []);
    expect((await lookAt(root, "other")).problems).toMatchObject([{ detail: `ROOT/other is not there: ${byKey}` }]);
  });

  test("a gateway that runs has records, wherever they are", async () => {
    const root = newRoot();
    await makeLog(root, []);
    for (const name of ["keys", "logs/orchestrator-audit.checkpoint"])
      rmSync(path.join(root, name), { recursive: true });
    truncateSync(path.join(root, active));
    const { problems } = await lookAt(root, "logs", { records: 7 });
    expect(problems).toMatchObject([
      { detail: "There are no records in ROOT/logs, but the running gateway has 7 records" },
    ]);
    expect((await lookAt(root, "logs", { records: undefined })).problems).toEqual([]);
  });

  test("a file whose first line is no record is no new log", async () => {
    const root = newRoot();
    await makeLog(root, []);
    const { files } = runtime;
    files.writeAtomic(path.join(root, active), "\n", 0o600);
    expect((await lookAt(root)).problems).toMatchObject([{ check: "audit chain" }]);
  });
});

test("of a log whose oldest files were pruned, the records that are there are counted", async () => {
  const place = newPlace();
  const clock = new HandClock();
  const { log } = await openLog(place, { clock, retentionDays: 2 });
  for (let day = 0; day < 6; day++) {
    await log.append(intent(day));
    clock.advanceDays(1);
  }
  await log.close();
  const { records, firstSeq } = await verifyPlace(place);
  expect(firstSeq).toBeGreaterThan(0);
  const audit = { dir: place.dir, checkpoint_key_file: place.keyFile, retention_days: 90, disk_reserve_mb: 1 };
  const found = await auditFindings(runtime, { audit }, undefined);
  const chain = found.find(({ check }) => check === "audit chain")!;
  expect(chain.detail).toBe(`${records} records, the first ${records} signed; each of them fits`);
});

test("a very first start that was cut short is no alarm: the next one finishes it", async () => {
  const place = newPlace();
  const { log } = await openLog(place);
  await log.close();
  writeFileSync(place.active, `${linesIn(place.active)[0]}\n`, { mode: 0o600 });
  rmSync(place.checkpoint);
  renameSync(place.keyFile, `${place.keyFile}.new`);
  const audit = { dir: place.dir, checkpoint_key_file: place.keyFile, retention_days: 90, disk_reserve_mb: 1 };
  const found = await auditFindings(runtime, { audit }, undefined);
  expect(found.find(({ check }) => check === "audit chain")).toMatchObject({
    state: "warning",
    fix: "The next one finishes it",
  });
  await (await openLog(place)).log.close();
  expect(await verifyPlace(place)).toMatchObject({ ok: true });
});
