import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AuditLog } from "../../src/audit/log.ts";
import { verify } from "../../src/audit/verify.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runtime } from "#runtime";
import type { AppendFile, Files } from "../../src/runtime/types.ts";
import { intentDraft, outcomeDraft } from "../audit/drafts.ts";

/**
 * Speed of the audit log, as ratios within one run: `bun test/bench/audit.ts [DAYS] [DISPATCHES_A_DAY]`. The full size,
 * 90 days of 14,400 dispatches, takes 1.3 GB of disk.
 */

const days = Number(process.argv[2] ?? 90);
const dispatches = Number(process.argv[3] ?? 14_400);
const root = mkdtempSync(join(process.env["BENCH_DIR"] ?? tmpdir(), "roxy-bench-"));
const clock = { ms: Date.parse("2026-01-01T00:00:00Z"), now: () => clock.ms, monotonic: () => clock.ms };

function depsFor(dir: string, files: Files, onRecord?: () => void) {
  return {
    files,
    sha256: runtime.sha256,
    clock,
    log: silentLog,
    dir,
    keyFile: `${dir}-key`,
    retentionDays: 400,
    diskReserveMb: 1,
    ...(onRecord && { onRecord }),
    onFatal: (error: Error) => {
      throw error;
    },
    version: "bench",
  };
}

/** Without fdatasync: for filling, where only the bytes matter. */
const unsynced: Files = {
  ...runtime.files,
  openAppend: (path): AppendFile => ({ ...runtime.files.openAppend(path), datasync: () => Promise.resolve() }),
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function appendSpeed(): Promise<void> {
  const dir = join(root, "append");
  let syncs = 0;
  const counting: Files = {
    ...runtime.files,
    openAppend: (path): AppendFile => {
      const file = runtime.files.openAppend(path);
      return { ...file, datasync: () => (syncs++, file.datasync()) };
    },
  };
  const log = await AuditLog.open(depsFor(dir, counting));
  // Short rounds, turn by turn, and their median: a shared disk's moods must not fall on one side only.
  const count = 100;
  const line = new TextEncoder().encode(`${JSON.stringify((await log.append(intentDraft(0))))}\n`);
  const raw = runtime.files.openAppend(join(root, "raw"));
  const bare = async (): Promise<void> => {
    for (let i = 0; i < count; i++) {
      raw.write(line);
      await raw.datasync();
    }
  };
  const alone = async (): Promise<void> => {
    for (let i = 0; i < count; i++) await log.append(intentDraft(i));
  };
  const ratios: number[] = [];
  const bareUs: number[] = [];
  for (let round = 0; round < 40; round++) {
    const bareMs = await timed(bare);
    ratios.push((await timed(alone)) / bareMs);
    bareUs.push((bareMs / count) * 1000);
  }
  console.log(`one caller: ${median(ratios).toFixed(2)} x one write and fdatasync (${median(bareUs).toFixed(0)} us)`);
  const before = syncs;
  const ms = await timed(() =>
    Promise.all(Array.from({ length: 32 }, async () => {
      for (let i = 0; i < 300; i++) await log.append(intentDraft(i));
    })),
  );
  console.log(`32 callers: ${(9600 / (syncs - before)).toFixed(1)} records for each fdatasync, ${((ms / 9600) * 1000).toFixed(0)} us a record`);
  await log.close();
}

async function fill(dir: string): Promise<void> {
  const log = await AuditLog.open(depsFor(dir, unsynced));
  let number = 0;
  for (let day = 0; day < days; day++) {
    for (let i = 0; i < dispatches; i += 200) {
      const drafts = Array.from({ length: Math.min(200, dispatches - i) }, () => [intentDraft(++number), outcomeDraft(number)]);
      await log.appendMany(drafts.flat());
      clock.ms += (200 / dispatches) * 86_400_000 * 0.999;
    }
    clock.ms = Date.parse("2026-01-01T00:00:00Z") + (day + 1) * 86_400_000;
  }
  clock.ms -= 3_600_000;
  await log.close();
  console.log(`filled ${days} days: ${log.head.seq + 1} records`);
}

async function startSpeed(dir: string): Promise<void> {
  let replayed = 0;
  let log: AuditLog | undefined;
  const ms = await timed(async () => (log = await AuditLog.open(depsFor(dir, runtime.files, () => replayed++))));
  console.log(`start: ${ms.toFixed(0)} ms, ${replayed} records replayed, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
  await log?.close();
}

async function verifySpeed(dir: string): Promise<void> {
  const paths = readdirSync(dir).filter((name) => name.endsWith(".jsonl")).map((name) => join(dir, name));
  const sum = async (): Promise<void> => void spawnSync("sha256sum", paths);
  let bytes = 0;
  const check = async (): Promise<void> => {
    const result = await verify({ files: runtime.files, sha256: runtime.sha256, dir });
    if (!result.ok) throw new Error(JSON.stringify(result.fault));
    bytes = result.bytes;
  };
  await sum();
  const rounds: { sumMs: number; ms: number }[] = [];
  for (let round = 0; round < 5; round++) rounds.push({ sumMs: await timed(sum), ms: await timed(check) });
  const rate = (ms: number): string => `${(bytes / ms / 1000).toFixed(0)} MB/s`;
  console.log(
    `verify: ${(bytes / 1e6).toFixed(0)} MB at ${rate(median(rounds.map(({ ms }) => ms)))}, ` +
      `sha256sum ${rate(median(rounds.map(({ sumMs }) => sumMs)))}: ` +
      `${median(rounds.map(({ ms, sumMs }) => sumMs / ms)).toFixed(2)} x; ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB resident`,
  );
}

try {
  if (process.argv[4] === "verify-only") {
    await verifySpeed(process.argv[5]!);
  } else {
    await appendSpeed();
    const dir = join(root, "days");
    await fill(dir);
    await startSpeed(dir);
    // In a process of its own: the filling has left its garbage in this one.
    const { stdout, stderr } = spawnSync(process.execPath, [import.meta.path, "0", "0", "verify-only", dir], { encoding: "utf8" });
    console.log((stdout + stderr).trim());
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
