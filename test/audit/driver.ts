import { connect } from "node:net";
import { writeSync } from "node:fs";
import { AuditLog } from "../../src/audit/log.ts";
import { Fatal, exitCodes, messageOf } from "../../src/lib/errors.ts";
import { createLog } from "../../src/lib/log.ts";
import { RunningClock, systemClock } from "../../src/lib/clock.ts";
import { runtime } from "#runtime";
import { intentDraft, outcomeDraft } from "./drafts.ts";

/**
 * A small process around the log, to be traced, starved and killed: `driver.ts JSON`. It prints one line for each
 * acknowledged record (`ack SEQ HASH EVENT AUDIT_ID`) with a plain write, so that what was printed was acknowledged.
 */

interface Job {
  readonly dir: string;
  readonly keyFile: string;
  /** `dispatch`: one intent, then a connection to `port`. `load`: until killed. `life`: days pass, files rotate and go. */
  readonly mode: "dispatch" | "load" | "life" | "hold";
  readonly port?: number;
  readonly seed?: number;
  readonly callers?: number;
}

const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const say = (line: string): void => void writeSync(1, `${line}\n`);
let clockOffsetMs = 0;
const clock = new RunningClock({
  now: () => systemClock.now() + clockOffsetMs,
  monotonic: () => systemClock.monotonic() + clockOffsetMs,
});

async function main(): Promise<number> {
  let fatal: Fatal | undefined;
  const log = await AuditLog.open({
    files: runtime.files,
    sha256: runtime.sha256,
    clock,
    log: {
      ...createLog({ level: "warn", format: "json", clock, write: (line) => void writeSync(2, `${line}\n`) }),
      always() {},
    },
    dir: job.dir,
    keyFile: job.keyFile,
    retentionDays: job.mode === "life" || job.mode === "load" ? 2 : 90,
    diskReserveMb: 1,
    rotateBytesMax: job.mode === "load" ? 20_000 : 1_000_000,
    onRecord: (record) => {
      clock.goOnFrom(record.uptime_ms ?? 0);
      if (record.event === "intent") open.add(record.audit_id!);
      if (record.event === "outcome" || record.event === "unknown") open.delete(record.audit_id!);
    },
    onFatal: (error) => {
      fatal = error;
      say(`fatal ${error.message}`);
      // The gateway ends the process here; so does this.
      setTimeout(() => process.exit(error.exitCode), 0);
    },
    version: "driver",
  });
  for (const auditId of open) await acknowledge(log, { event: "unknown", audit_id: auditId, result: "unknown" });
  say("ready");
  if (job.mode === "dispatch") await dispatch(log);
  if (job.mode === "load") await load(log);
  if (job.mode === "life") await life(log);
  if (job.mode === "hold") await new Promise((resolve) => setTimeout(resolve, 60_000));
  await log.close();
  return fatal ? fatal.exitCode : exitCodes.done;
}

const open = new Set<string>();

async function acknowledge(log: AuditLog, draft: Parameters<AuditLog["append"]>[0]): Promise<void> {
  const { seq, hash, event, audit_id } = await log.append(draft);
  say(`ack ${seq} ${hash} ${event} ${audit_id}`);
}

async function dispatch(log: AuditLog): Promise<void> {
  await acknowledge(log, intentDraft(1));
  await new Promise<void>((resolve, reject) => {
    const socket = connect(job.port!, "127.0.0.1", () => resolve(socket.destroy() as unknown as undefined));
    socket.on("error", reject);
  });
}

async function load(log: AuditLog): Promise<void> {
  let number = (job.seed ?? 0) * 1_000_000;
  const caller = async (): Promise<void> => {
    for (;;) {
      const mine = ++number;
      await acknowledge(log, intentDraft(mine));
      await acknowledge(log, outcomeDraft(mine));
      // Days fly by, so that files close and go under load, too.
      if (mine % 100 === 0) clockOffsetMs += 86_400_000;
    }
  };
  await Promise.all(Array.from({ length: job.callers ?? 4 }, caller));
}

async function life(log: AuditLog): Promise<void> {
  for (let day = 0; day < 5; day++) {
    await acknowledge(log, intentDraft(day + 1));
    await acknowledge(log, outcomeDraft(day + 1));
    if (day === 2) await log.rotateKey();
    clockOffsetMs += 86_400_000;
  }
}

process.exitCode = await main().catch((error: unknown) => {
  say(`fatal ${messageOf(error)}`);
  return error instanceof Fatal ? error.exitCode : exitCodes.failed;
});
process.exit();
