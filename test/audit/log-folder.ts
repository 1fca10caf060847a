import { onTestFinished } from "bun:test";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuditDeps } from "../../src/audit/log.ts";
import { AuditLog } from "../../src/audit/log.ts";
import type { StoredRecord } from "../../src/audit/record.ts";
import { verify } from "../../src/audit/verify.ts";
import type { VerifyOptions, VerifyResult } from "../../src/audit/verify.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { Fatal } from "../../src/lib/errors.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runtime } from "../../src/runtime/bun.ts";

/** A folder for one test, removed after it, and everything that a log needs to live in it. */

/** A clock that stands still until it is told to move. */
export class HandClock implements Clock {
  /** The true time. */
  ms: number;
  /** By how much the machine's clock is set wrong: running time knows nothing of it. */
  wrongMs = 0;
  constructor(time = "2026-01-09T08:00:00.000Z") {
    this.ms = Date.parse(time);
  }
  now(): number {
    return this.ms + this.wrongMs;
  }
  monotonic(): number {
    return this.ms;
  }
  set(time: string): void {
    this.ms = Date.parse(time);
  }
  advanceDays(days: number): void {
    this.ms += days * 86_400_000;
  }
  setWrongByDays(days: number): void {
    this.wrongMs = days * 86_400_000;
  }
}

export interface Place {
  readonly root: string;
  readonly dir: string;
  readonly keyFile: string;
  readonly active: string;
  readonly checkpoint: string;
}

export function newPlace(): Place {
  const root = mkdtempSync(join(tmpdir(), "roxy-audit-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const dir = join(root, "logs");
  return {
    root,
    dir,
    keyFile: join(root, "keys", "audit-ed25519.key"),
    active: join(dir, "orchestrator-audit.jsonl"),
    checkpoint: join(dir, "orchestrator-audit.checkpoint"),
  };
}

export interface OpenedLog {
  readonly log: AuditLog;
  readonly fatal: Fatal[];
  readonly seen: StoredRecord[];
}

export function depsFor(place: Place, more: Partial<AuditDeps> = {}): AuditDeps {
  return {
    files: runtime.files,
    sha256: runtime.sha256,
    clock: new HandClock(),
    log: silentLog,
    dir: place.dir,
    keyFile: place.keyFile,
    retentionDays: 90,
    diskReserveMb: 1,
    onFatal: () => {},
    version: "0.0.0-test",
    ...more,
  };
}

export async function openLog(place: Place, more: Partial<AuditDeps> = {}): Promise<OpenedLog> {
  const fatal: Fatal[] = [];
  const seen: StoredRecord[] = [];
  const log = await AuditLog.open(
    depsFor(place, { onFatal: (error) => fatal.push(error), onRecord: (record) => seen.push(record), ...more }),
  );
  return { log, fatal, seen };
}

export function intent(number: number): {
  event: "intent";
  audit_id: string;
  job_id: string;
  action: string;
  story_id: string;
  source: string;
  user_id: string;
} {
  return {
    event: "intent",
    audit_id: `AUD-01KEGZZZZZ${String(number).padStart(16, "0")}`,
    job_id: `JOB-20260109-${String(number).padStart(3, "0")}`,
    action: "enqueue_story",
    story_id: `STORY-${number}`,
    source: "command-center",
    user_id: "mark",
  };
}

export function verifyPlace(place: Place, more: Partial<VerifyOptions> = {}): Promise<VerifyResult> {
  return verify({ files: runtime.files, sha256: runtime.sha256, dir: place.dir, ...more });
}

export function linesIn(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

export function recordsIn(path: string): StoredRecord[] {
  return linesIn(path).map((line) => JSON.parse(line) as StoredRecord);
}

/** Every file of a folder with its bytes: to show that nothing was touched. */
export function snapshot(folder: string): Map<string, Buffer> {
  return new Map(
    readdirSync(folder)
      .filter((name) => !name.endsWith(".lock"))
      .map((name) => [name, readFileSync(join(folder, name))]),
  );
}

export function restore(folder: string, files: Map<string, Buffer>): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes, { mode: 0o600 });
}

/** What a promise is rejected with; fails when it is not. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { exitCode?: number; code?: string; retry?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected a rejection, but it resolved");
}
