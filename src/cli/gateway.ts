import { Evidence } from "../audit/evidence.ts";
import { AuditLog } from "../audit/log.ts";
import type { ReadDeps } from "../audit/read.ts";
import { Scans } from "../audit/scans.ts";
import type { Config, Secrets } from "../config/schema.ts";
import type { DispatchDeps } from "../dispatch/pipeline.ts";
import { Lane } from "../dispatch/lane.ts";
import type { LimitsOptions } from "../dispatch/limits.ts";
import { Refusals } from "../dispatch/refusals.ts";
import type { AppDeps } from "../http/app.ts";
import { createApp } from "../http/app.ts";
import type { Doorkeeper } from "../http/authenticate.ts";
import { JobArchive } from "../jobs/archive.ts";
import type { JobWatch } from "../jobs/watch.ts";
import type { Clock } from "../lib/clock.ts";
import { timestampOf } from "../lib/clock.ts";
import type { Fatal } from "../lib/errors.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { commit, version } from "../lib/version.ts";
import type { Neighbour } from "../podium/neighbours.ts";
import { neighbourWatch } from "../podium/neighbours.ts";
import { loadPanel } from "../panel/assets.ts";
import { measuredFiles } from "../metrics/measured-files.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { createMetrics } from "../metrics/metrics.ts";
import type { PodiumClient } from "../podium/client.ts";
import { createPodiumClient } from "../podium/client.ts";
import { askedSince, statusSource } from "../podium/status.ts";
import type { Runtime } from "../runtime/types.ts";
import { passLookMs } from "../stream/clients.ts";
import type { Doors } from "./doors.ts";
import { openDoors } from "./doors.ts";
import { Ending } from "./ending.ts";
import { LiveSigner } from "./live-signer.ts";
import { Projections } from "./projections.ts";
import type { InForce } from "./reload.ts";
import { readingsOf } from "./readings.ts";
import type { StreamRoom } from "./stream-room.ts";
import { openStream } from "./stream-room.ts";

export interface GatewayOptions {
  readonly runtime: Runtime;
  readonly config: Config;
  readonly secrets: Secrets;
  /** Asked of every client when set. */
  readonly doorkeeper?: Doorkeeper;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Gateway {
  /** 0 when only a unix socket is listened on. */
  readonly port: number;
  /** Where clients reach it, as they are told. */
  readonly urls: readonly string[];
  /** Settles when the gateway can't go on: the process must end. */
  readonly failed: Promise<Fatal>;
  /** Whether what is dispatched could be recorded. */
  isWell(): boolean;
  /** Takes over what can change without dropping anybody. */
  reload(next: InForce): void;
  /** Finishes what is in flight, refuses the rest, closes every door. */
  stop(): Promise<void>;
}

/** Looks at the status on their way to Podium: a flood of them must not crowd out commands. */
const looksInFlightMax = 4;
/** Stream clients are told to go over this time: long enough to spread their return, short enough for a restart. */
const goodbyeMs = 1_000;
/** A client that does not take its last answer is not waited for. */
const stopMs = 5_000;

/** The composition root: wires the rooms together, and nothing else does. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const failed = Promise.withResolvers<Fatal>();
  const metrics = createMetrics();
  const signer = new LiveSigner(options.config, options.secrets, options.clock, options.runtime.hmacSha256);
  const ending = new Ending(options.clock, options.config.podium.timeout_ms);
  let bodyBytesMax = options.config.limits.body_bytes_max;
  const dispatch = await openDispatch(options, { signer, metrics, ending }, failed.resolve);
  const newStatusSource = (): AppDeps["podiumStatus"] =>
    statusSource(dispatch.podium, signer, options.config.podium.routes.status);
  const stream = openStream(options, dispatch, newStatusSource(), { signer, jobWatch: dispatch.jobWatch });
  const app = createApp({
    ...appDeps(options, dispatch, stream, newStatusSource()),
    bodyBytesMax: () => bodyBytesMax,
    notReady: () => notReady(dispatch, ending),
    metrics: metrics.text,
    jwks: () => signer.jwks(),
    onDispatch: metrics.instruments.dispatched,
    onAnswer: metrics.instruments.answered,
  });
  metrics.watch(readingsOf(options, dispatch, stream, () => notReady(dispatch, ending) === undefined));
  let doors: Doors;
  try {
    doors = await openDoors(options.runtime, options.config.listen, (request, connection) =>
      app.fetch(request, { connection }),
    );
  } catch (error) {
    await dispatch.log.close();
    throw error;
  }
  stream.telemetry.start();
  const looking = options.doorkeeper && setInterval(() => stream.clients.dismissStrangers(), passLookMs);
  return {
    port: doors.port,
    urls: doors.urls,
    failed: failed.promise,
    isWell: () => dispatch.log.state === "open",
    reload({ config, secrets }) {
      bodyBytesMax = config.limits.body_bytes_max;
      dispatch.limits.change(limitsIn(config));
      stream.hub.passOn(config.stream.types);
      signer.change(config, secrets);
    },
    stop() {
      ending.begin();
      signer.end();
      clearInterval(looking);
      return stop(dispatch, stream, doors, ending);
    },
  };
}

/** Why a dispatch would be refused right now, whatever it asks for. */
function notReady({ log }: DispatchDeps, { hasBegun }: Ending): string | undefined {
  if (hasBegun) return "roxy-core is shutting down";
  try {
    log.assertAdmits("dispatch");
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** What the doors are opened onto. */
interface Core extends DispatchDeps {
  readonly archive: JobArchive;
  readonly jobWatch: JobWatch;
  readonly evidence: Evidence;
}

/** The log is opened first: it tells the jobs, keys and limits what happened before. */
async function openDispatch(
  options: GatewayOptions,
  { signer, metrics, ending }: { signer: LiveSigner; metrics: Metrics; ending: Ending },
  onFatal: (fatal: Fatal) => void,
): Promise<Core> {
  const { runtime, config, log } = options;
  const terminalStatuses = new Set(config.stream.terminal_statuses);
  const settleMs = config.podium.timeout_ms;
  const past = new Projections({ clock: options.clock, limits: limitsIn(config), terminalStatuses, settleMs });
  const { clock, jobs, jobWatch, undoings, keys, limits } = past;
  const audit = await AuditLog.open({
    files: measuredFiles(runtime.files, clock, metrics.instruments),
    sha256: runtime.sha256,
    clock,
    log,
    dir: config.audit.dir,
    keyFile: config.audit.checkpoint_key_file,
    retentionDays: config.audit.retention_days,
    diskReserveMb: config.audit.disk_reserve_mb,
    onRecord: past.onRecord,
    onFatal,
    version,
  });
  const reading = (): ReadDeps => ({
    files: runtime.files,
    sha256: runtime.sha256,
    dir: config.audit.dir,
    // Nobody is shown what may still be lost.
    lastSeq: audit.head.seq,
  });
  const search = new Scans(reading).run;
  const archive = new JobArchive(jobs, reading, search);
  await past.goLive(audit, log, () => archive.firstDay());
  const podium = podiumClient(options, ending);
  return {
    log: audit,
    jobs,
    jobWatch,
    undoings,
    archive,
    evidence: new Evidence({
      log: reading,
      search,
      seal: () => audit.seal(),
      signed: () => audit.checkpointSize,
      keyFile: config.audit.checkpoint_key_file,
    }),
    keys,
    limits,
    lane: new Lane({ maxInFlight: config.podium.max_in_flight, queueLimit: config.podium.queue_limit }),
    refusals: new Refusals({ append: (draft) => audit.append(draft) }),
    podium,
    podiumStatus: askedSince(statusSource(podium, signer, config.podium.routes.status)),
    reconciling: new Map(),
    looks: new Lane({ maxInFlight: looksInFlightMax, queueLimit: config.podium.queue_limit }),
    token: signer.token,
    get previousToken() {
      return signer.previousToken;
    },
    clock,
    routes: config.podium.routes,
    settleMs,
    sha256: runtime.sha256,
    onStage: metrics.instruments.stage,
    onSend: (jobId) => jobWatch.sent(jobId, timestampOf(clock.now())),
  };
}

function podiumClient({ runtime, config }: GatewayOptions, ending: Ending): PodiumClient {
  return createPodiumClient({ exchange: runtime.exchange, url: config.podium.url, timeoutMs: ending.podiumMs });
}

function limitsIn({ limits }: Config): Pick<LimitsOptions, "dispatchPerMinute" | "storyCooldownS"> {
  return { dispatchPerMinute: limits.dispatch_per_minute, storyCooldownS: limits.story_cooldown_s };
}

function appDeps(
  options: GatewayOptions,
  dispatch: Core,
  { hub, clients, telemetry, context }: StreamRoom,
  podiumStatus: AppDeps["podiumStatus"],
): Omit<AppDeps, "bodyBytesMax" | "notReady" | "jwks"> {
  const { runtime, config, log, doorkeeper } = options;
  return {
    dispatch,
    archive: dispatch.archive,
    jobs: dispatch.jobs,
    jobWatch: dispatch.jobWatch,
    evidence: dispatch.evidence,
    head: () => dispatch.log.head,
    checkpointSize: () => dispatch.log.checkpointSize,
    panel: loadPanel(runtime.files),
    neighbours: neighbourWatch({ neighbours: portMap(config), exchange: runtime.exchange, clock: options.clock }),
    podiumStatus,
    gateway: () => ({
      version,
      commit,
      runtime: `${runtime.name} ${runtime.version}`,
      audit: { state: dispatch.log.state, ...dispatch.log.head },
      stream: {
        upstream: telemetry.state,
        clients: clients.size,
        cursor: `${hub.epoch}:${hub.seq}`,
        oldest_cursor: hub.oldestCursor,
      },
      lane: {
        in_flight: dispatch.lane.inFlight,
        waiting: dispatch.lane.waiting,
        max_in_flight: config.podium.max_in_flight,
      },
    }),
    stream: context,
    log,
    guard: {
      host: config.listen.host,
      allowedHosts: config.listen.allowed_hosts,
      allowedOrigins: config.listen.allowed_origins,
    },
    ...(doorkeeper && { doorkeeper }),
  };
}

function portMap({ podium, services }: Config): Neighbour[] {
  return [{ name: "Podium (LUNO)", url: podium.url, health: "/health/orchestrator" }, ...services];
}

/** The log goes last: every outcome before it still has to be written. */
async function stop(
  { lane, looks, refusals, log }: DispatchDeps,
  stream: StreamRoom,
  doors: Doors,
  { lastCallMs }: Ending,
): Promise<void> {
  await Promise.all([lane.close(lastCallMs), looks.close()]);
  stream.telemetry.stop();
  stream.faults.stop();
  stream.questions.stop();
  await stream.clients.closeAll(goodbyeMs);
  await Promise.race([doors.stop(false), new Promise((resolve) => setTimeout(resolve, stopMs))]);
  await doors.stop(true);
  refusals.flush();
  await log.close();
}
