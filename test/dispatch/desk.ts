import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { AuditLog } from "../../src/audit/log.ts";
import type { StoredRecord } from "../../src/audit/record.ts";
import type { Bounds } from "../../src/cli/projections.ts";
import { Projections } from "../../src/cli/projections.ts";
import type { Incoming } from "../../src/dispatch/command.ts";
import { Lane } from "../../src/dispatch/lane.ts";
import type { DispatchDeps } from "../../src/dispatch/pipeline.ts";
import type { Dispatched } from "../../src/dispatch/replay.ts";
import { dispatch } from "../../src/dispatch/pipeline.ts";
import { Refusals } from "../../src/dispatch/refusals.ts";
import type { ReadDeps } from "../../src/audit/read.ts";
import { Scans } from "../../src/audit/scans.ts";
import { JobArchive } from "../../src/jobs/archive.ts";
import type { JobStore } from "../../src/jobs/store.ts";
import type { JobWatch } from "../../src/jobs/watch.ts";
import { timestampOf } from "../../src/lib/clock.ts";
import { Problem } from "../../src/lib/errors.ts";
import { askedSince, statusSource } from "../../src/podium/status.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Files } from "../../src/runtime/types.ts";
import { runtime } from "#runtime";
import type { Command } from "../../src/wire/dispatch.ts";
import { defaultRoutes } from "../../src/wire/podium.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import { ScriptedPodium } from "./scripted-podium.ts";

export const terminalStatuses: ReadonlySet<string> = new Set(["done"]);
/** Milliseconds after which Podium counts as silent; also how long an unknown outcome may still come true. */
export const settleMs = 30_000;

export interface DeskOptions {
  readonly clock?: FakeClock;
  readonly podium?: ScriptedPodium;
  readonly dir?: string;
  readonly files?: Files;
  readonly dispatchPerMinute?: number;
  readonly storyCooldownS?: number;
  readonly queueLimit?: number;
  readonly maxInFlight?: number;
  readonly bounds?: Bounds;
}

/** The gateway from the key's look-up to the answer: everything real but the clock and Podium. */
export interface Desk {
  readonly clock: FakeClock;
  readonly podium: ScriptedPodium;
  readonly dir: string;
  readonly deps: DispatchDeps;
  readonly lane: Lane;
  readonly jobs: JobStore;
  readonly jobWatch: JobWatch;
  readonly log: AuditLog;
  readonly fatals: unknown[];
  /** Every record in the file, as it stands on disk. */
  records(): StoredRecord[];
  close(): Promise<void>;
}

export function newFolder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), "roxy-desk-"));
}

export async function openDesk(options: DeskOptions = {}): Promise<Desk> {
  const clock = options.clock ?? new FakeClock();
  const podium = options.podium ?? new ScriptedPodium(clock);
  const dir = options.dir ?? newFolder();
  const fatals: unknown[] = [];
  const { dispatchPerMinute = 1000, storyCooldownS = 5 } = options;
  const past = new Projections({
    clock,
    limits: { dispatchPerMinute, storyCooldownS },
    ...(options.bounds && { bounds: options.bounds }),
    terminalStatuses,
    settleMs,
  });
  const { jobs, jobWatch, undoings, keys, limits } = past;
  const log = await AuditLog.open({
    files: options.files ?? runtime.files,
    sha256: runtime.sha256,
    clock: past.clock,
    log: silentLog,
    dir: path.join(dir, "logs"),
    keyFile: path.join(dir, "keys/audit-ed25519.key"),
    retentionDays: 90,
    diskReserveMb: 0,
    onRecord: past.onRecord,
    onFatal: (fatal) => fatals.push(fatal),
    version: "0.0.0",
  });
  const reading = (): ReadDeps => ({
    files: runtime.files,
    sha256: runtime.sha256,
    dir: path.join(dir, "logs"),
    lastSeq: log.head.seq,
  });
  const archive = new JobArchive(jobs, reading, new Scans(reading).run);
  await past.goLive(log, silentLog, () => archive.firstDay());
  const token: DispatchDeps["token"] = ({ auditId }) => Promise.resolve(auditId);
  const lane = new Lane({ maxInFlight: options.maxInFlight ?? 1, queueLimit: options.queueLimit ?? 1000 });
  const deps: DispatchDeps = {
    log,
    jobs,
    undoings,
    archive,
    keys,
    limits,
    lane,
    refusals: new Refusals({ append: (draft) => log.append(draft) }),
    podium,
    // Podium then knows which dispatch a request belongs to.
    token,
    clock: past.clock,
    routes: defaultRoutes,
    podiumStatus: askedSince(statusSource(podium, { token }, defaultRoutes.status)),
    reconciling: new Map(),
    looks: new Lane({ maxInFlight: 4, queueLimit: 1000 }),
    settleMs,
    sha256: runtime.sha256,
    onSend: (jobId) => jobWatch.sent(jobId, timestampOf(past.clock.now())),
  };
  const ending = { records: () => recordsIn(dir), close: () => shut(deps) };
  return { clock, podium, dir, deps, lane, jobs, jobWatch, log, fatals, ...ending };
}

async function shut({ log, refusals }: DispatchDeps): Promise<void> {
  refusals.flush();
  await log.close();
}

export function recordsIn(dir: string): StoredRecord[] {
  const logs = path.join(dir, "logs");
  return fs
    .readdirSync(logs)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => fs.readFileSync(path.join(logs, name), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as StoredRecord)
    .toSorted((a, b) => a.seq - b.seq);
}

export function incoming(command: Command, key?: string, signal = new AbortController().signal): Incoming {
  return {
    command,
    asker: { source: "test", user_id: "mark", auth_mode: "local" },
    ...(key !== undefined && { idempotencyKey: key }),
    client: { signal },
  };
}

export const enqueue = (story: string): Command => ({ action: "enqueue_story", story_id: story });

/** A dispatch that never throws: its answer or its problem. */
export async function ask(desk: Desk, request: Incoming): Promise<Dispatched | Problem> {
  try {
    return await dispatch(desk.deps, request);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/** `ok`, or the problem's code and verdict. */
export function verdictOf(answer: Dispatched | Problem): string {
  return answer instanceof Problem ? `${answer.code} ${answer.retry}` : "ok";
}

/** Resolves when everything that can happen without us has happened: reads and writes of the log included. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => void setImmediate(resolve));
}
