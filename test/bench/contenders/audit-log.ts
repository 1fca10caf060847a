import fs from "node:fs";
import { join } from "node:path";
import { AuditLog } from "../../../src/audit/log.ts";
import { silentLog } from "../../../src/lib/log.ts";
import type { AppendFile, Files } from "../../../src/runtime/types.ts";
import { runtime } from "#runtime";
import { intentDraft, outcomeDraft } from "../../audit/drafts.ts";
import { answerCommands } from "./commands.ts";

/** The audit log by itself: appends under load, and logs of any length made with the real encoder. */

const dayMs = 86_400_000;
const clock = { ms: 0, now: () => clock.ms, monotonic: () => clock.ms };

function depsFor(root: string, files: Files) {
  return {
    files,
    sha256: runtime.sha256,
    clock,
    log: silentLog,
    dir: join(root, "logs"),
    keyFile: join(root, "keys/audit-ed25519.key"),
    retentionDays: 90,
    diskReserveMb: 1,
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

interface Fill {
  readonly root: string;
  readonly days: number;
  readonly records: number;
}

/** A log that ends now: its last day reaches from midnight (UTC) to this minute, the others are whole. */
async function fill({ root, days, records }: Fill): Promise<{ bytes: number; records: number }> {
  const now = Date.now() - 60_000;
  const midnight = now - (now % dayMs);
  const dispatchesADay = Math.round(records / 2 / days);
  const batch = 250;
  let number = 0;
  clock.ms = midnight - (days - 1) * dayMs;
  const log = await AuditLog.open(depsFor(root, unsynced));
  for (let day = 0; day < days; day++) {
    const from = midnight - (days - 1 - day) * dayMs;
    const until = Math.min(from + dayMs - 1, now);
    for (let i = 0; i < dispatchesADay; i += batch) {
      clock.ms = Math.max(clock.ms, from + Math.floor((i / dispatchesADay) * (until - from)));
      const drafts = Array.from({ length: Math.min(batch, dispatchesADay - i) }, () => dispatchOf(++number));
      await log.appendMany(drafts.flat());
    }
  }
  await log.close();
  return { bytes: bytesIn(join(root, "logs")), records: log.head.seq + 1 };
}

/** The two records of one dispatch, with a job id of its own day, as the pipeline counts them. */
function dispatchOf(number: number) {
  const day = new Date(clock.ms).toISOString().slice(0, 10).replaceAll("-", "");
  const ids = { job_id: `JOB-${day}-${String(number).padStart(3, "0")}` };
  return [
    { ...intentDraft(number), ...ids },
    { ...outcomeDraft(number), ...ids },
  ];
}

function bytesIn(folder: string): number {
  return fs.readdirSync(folder).reduce((sum, name) => sum + fs.statSync(join(folder, name)).size, 0);
}

interface Append {
  readonly root: string;
  readonly rounds: number;
  readonly each: number;
}

/** One caller against the bare system calls, turn by turn; then 32 callers at once. */
async function append({ root, rounds, each }: Append): Promise<unknown> {
  clock.ms = Date.now();
  let syncs = 0;
  const counting: Files = {
    ...runtime.files,
    openAppend(path) {
      const file = runtime.files.openAppend(path);
      return { ...file, datasync: (here) => (syncs++, file.datasync(here)) };
    },
  };
  const log = await AuditLog.open(depsFor(root, counting));
  const line = Buffer.from(`${JSON.stringify(await log.append(intentDraft(0)))}\n`);
  const bare = fs.openSync(join(root, "bare"), "a", 0o600);
  const offLoop = runtime.files.openAppend(join(root, "off-loop"));
  const contenders = {
    bare: () => {
      fs.writeSync(bare, line);
      fs.fdatasyncSync(bare);
    },
    offLoop: () => {
      offLoop.write(line);
      return offLoop.datasync();
    },
    alone: () => log.append(intentDraft(1), true),
  };
  const times = { bare: [] as number[], offLoop: [] as number[], alone: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(contenders)) {
      const each1: number[] = [];
      for (let i = 0; i < each; i++) {
        const started = performance.now();
        await work();
        each1.push((performance.now() - started) * 1000);
      }
      each1.sort((a, b) => a - b);
      times[name as keyof typeof times].push(each1[each >> 1]!);
    }
  }
  const before = syncs;
  const callers = 32;
  const started = performance.now();
  const count = callers * each;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let i = 0; i < each; i++) await log.append(intentDraft(i));
    }),
  );
  const ms = performance.now() - started;
  await log.close();
  return { ...times, perSync: count / (syncs - before), perSecond: (count * 1000) / ms };
}

await answerCommands({}, ({ fill: wanted, append: load }: { fill?: Fill; append?: Append }) =>
  wanted ? fill(wanted) : append(load!),
);
