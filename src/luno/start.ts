import type { Clock } from "../lib/clock.ts";
import { systemClock } from "../lib/clock.ts";
import { Fatal, messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { silentLog } from "../lib/log.ts";
import type { FileLock, Listener, Runtime } from "../runtime/types.ts";
import type { AdmissionOptions } from "./admission.ts";
import { isOpen } from "./admission.ts";
import { loadCatalogue } from "./catalogue.ts";
import { EnqueueAudit } from "./enqueue-audit.ts";
import type { Folder } from "./folder.ts";
import { fillFolder, folderAt } from "./folder.ts";
import { createApp } from "./http/app.ts";
import { isLoopback } from "./http/browser-guard.ts";
import { BadFile } from "./json-file.ts";
import { Ledger } from "./ledger.ts";
import type { Orchestrator } from "./orchestrator.ts";
import { createOrchestrator } from "./orchestrator.ts";
import { loadApplied } from "./plans.ts";
import { afterCrash, loadState, withoutStrangers } from "./recovery.ts";
import { standInName } from "./vocabulary.ts";

/** Podium's own beat. */
export const defaultBeatMs = 5000;
/** Long enough to see it happen, short enough to try again. */
export const defaultRunMs = 1500;
export const defaultAgents = 2;
/** Each agent's story may be a process; a workstation has no use for more at a time. */
export const agentsMax = 16;

export interface LunoOptions {
  readonly runtime: Runtime;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Absolute path of its own folder; made and filled with examples when it is not there. */
  readonly folder: string;
  readonly secret?: string;
  readonly fixedToken?: string;
  readonly beatMs?: number;
  readonly runMs?: number;
  readonly agents?: number;
  readonly log?: Log;
  readonly clock?: Clock;
}

export interface Luno {
  readonly host: string;
  readonly port: number;
  /** Stops accepting, ends what runs (recorded as failed), closes the clients and the folder. */
  stop(): Promise<void>;
}

/** Starts the stand-in for Podium. @throws Fatal when the folder, a file in it or the port can't be used */
export async function startLuno(options: LunoOptions): Promise<Luno> {
  const { runtime, log = silentLog, clock = systemClock } = options;
  const admission = admissionOf(options);
  const folder = folderAt(options.folder);
  const lock = takeFolder(runtime, folder);
  try {
    const ledger = openLedger(runtime, folder, clock, log);
    const audit = new EnqueueAudit(runtime.files, folder.auditPath, log);
    const orchestrator = createOrchestrator({
      runtime,
      folder,
      ledger,
      audit,
      clock,
      log,
      beatMs: options.beatMs ?? defaultBeatMs,
      runMs: options.runMs ?? defaultRunMs,
      agents: options.agents ?? defaultAgents,
      access: isOpen(admission) ? "open" : "token",
    });
    const listener = await listen(options, orchestrator, admission);
    orchestrator.conductor.start();
    sayStart(log, listener, orchestrator, folder);
    return lunoOf(orchestrator, listener, audit, lock);
  } catch (error) {
    lock.release();
    if (error instanceof Fatal) throw error;
    throw new Fatal(error instanceof BadFile ? error.message : `Cannot start luno: ${messageOf(error)}`);
  }
}

/** Two processes on one queue file would each undo the other's work. */
function takeFolder(runtime: Runtime, folder: Folder): FileLock {
  let lock: FileLock | undefined;
  try {
    fillFolder(runtime.files, folder);
    lock = runtime.files.lock(folder.lockPath);
  } catch (error) {
    throw new Fatal(`Cannot start luno: its folder ${folder.root} can't be used (${messageOf(error)})`);
  }
  if (lock) return lock;
  throw new Fatal(
    `Cannot start luno: another luno is using ${folder.root}; stop it, or name another folder with --dir`,
  );
}

function openLedger({ files }: Runtime, folder: Folder, clock: Clock, log: Log): Ledger {
  const stored = loadState(files, folder.statePath);
  const applied = loadApplied(files, folder.appliedFolder, stored.plans);
  const stories = [...loadCatalogue(files, folder.cataloguePath, applied), ...applied];
  const { state, gone } = withoutStrangers(stored, stories);
  for (const storyId of gone) log.warn("luno_story_gone", { storyId });
  const ledger = new Ledger({ files, path: folder.statePath, clock, log, stories, state });
  const change = afterCrash(state);
  for (const { storyId } of change.transitions ?? []) log.warn("luno_story_interrupted", { storyId });
  ledger.commit(change);
  return ledger;
}

/** Without a token the whole network could start stories, so then only this machine may call. */
function admissionOf({ runtime, host, secret, fixedToken }: LunoOptions): AdmissionOptions {
  const admission = { ...(secret && { secret }), ...(fixedToken && { fixedToken }), sha256: runtime.sha256 };
  if (!isOpen(admission) || isLoopback(host)) return admission;
  throw new Fatal(
    `Cannot start luno: on ${host} anybody could start stories; set PODIUM_JWT_SECRET or ROXY_PODIUM_TOKEN, or listen on 127.0.0.1`,
  );
}

async function listen(
  options: LunoOptions,
  orchestrator: Orchestrator,
  admission: AdmissionOptions,
): Promise<Listener> {
  const { host, port, runtime } = options;
  const app = createApp({ orchestrator, admission });
  try {
    return await runtime.serve({
      host,
      port,
      fetch: (request, connection) => app.fetch(request, { connection }),
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EADDRINUSE") throw error;
    throw new Fatal(
      `Cannot start luno: port ${port} on ${host} is in use; stop what holds it, or choose another with --port`,
    );
  }
}

function sayStart(log: Log, { host, port }: Listener, { ledger, agents, facts }: Orchestrator, { root }: Folder): void {
  const { state, stories } = ledger;
  const counts = { stories: stories.size, queued: state.queue.length, agents: agents.views.length };
  log.info("luno_started", { name: standInName, url: `http://${host}:${port}`, folder: root, ...counts });
  if (facts().access === "open") {
    log.warn("luno_open", {
      reason: "No PODIUM_JWT_SECRET and no ROXY_PODIUM_TOKEN: development mode, no token is asked for",
    });
  }
  if (state.halted) log.warn("luno_halted", { since: state.halted.since, lift: "START_ORCHESTRATOR" });
}

function lunoOf(orchestrator: Orchestrator, listener: Listener, audit: EnqueueAudit, lock: FileLock): Luno {
  const { conductor, agents, telemetry } = orchestrator;
  const stop = async (): Promise<void> => {
    conductor.stop();
    await agents.stopAll("failed", "luno was stopped while this story ran");
    telemetry.closeAll();
    await listener.stop(true);
    audit.close();
    lock.release();
  };
  let stopped: Promise<void> | undefined;
  return { host: listener.host, port: listener.port, stop: () => (stopped ??= stop()) };
}
