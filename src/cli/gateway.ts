import { AuditLog } from "../audit/log.ts";
import type { StoredRecord } from "../audit/record.ts";
import type { Config, Secrets } from "../config/schema.ts";
import type { DispatchDeps } from "../dispatch/pipeline.ts";
import { Keys } from "../dispatch/keys.ts";
import { Lane } from "../dispatch/lane.ts";
import { Limits } from "../dispatch/limits.ts";
import { Refusals } from "../dispatch/refusals.ts";
import { createApp } from "../http/app.ts";
import { requireToken, trustLocal } from "../http/authenticate.ts";
import { JobStore } from "../jobs/store.ts";
import { followTelemetry } from "../jobs/follow.ts";
import type { Clock } from "../lib/clock.ts";
import { Fatal, messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { commit, version } from "../lib/version.ts";
import { createPodiumClient } from "../podium/client.ts";
import { Telemetry } from "../podium/telemetry.ts";
import { createTokenSource } from "../podium/token.ts";
import type { Listener, Runtime } from "../runtime/types.ts";
import { Hub } from "../stream/hub.ts";
import { Clients } from "../stream/clients.ts";
import { gatewayStatus } from "../stream/gateway-status.ts";
import { fillRoute } from "../wire/podium.ts";

export interface GatewayOptions {
  readonly runtime: Runtime;
  readonly config: Config;
  readonly secrets: Secrets;
  readonly clientToken?: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Gateway {
  readonly host: string;
  readonly port: number;
  /** Settles when the gateway can't go on: the process must end. */
  readonly failed: Promise<Fatal>;
  /** Finishes what is in flight, refuses the rest, closes every door. */
  stop(): Promise<void>;
}

/** Streams are told to go before the listener waits for its requests; a client that will not leave is not waited for. */
const stopMs = 5_000;

/** Wires the rooms together; nothing else does. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { runtime, config, secrets, clock, log } = options;
  const failed = Promise.withResolvers<Fatal>();
  const jobs = new JobStore();
  const keys = new Keys(clock);
  const limits = new Limits({
    dispatchPerMinute: config.limits.dispatch_per_minute,
    storyCooldownS: config.limits.story_cooldown_s,
    clock,
  });
  let live = false;
  const project = (record: StoredRecord): void => {
    jobs.apply(record);
    if (live) return;
    limits.restore(record);
    keys.restore(record);
  };
  const audit = await AuditLog.open({
    files: runtime.files,
    sha256: runtime.sha256,
    clock,
    log,
    dir: config.audit.dir,
    keyFile: config.audit.checkpoint_key_file,
    retentionDays: config.audit.retention_days,
    diskReserveMb: config.audit.disk_reserve_mb,
    onRecord: project,
    onFatal: failed.resolve,
    version,
  });
  live = true;
  await closeOpenIntents(audit, jobs, log);

  const token = createTokenSource({
    ...(secrets.podiumJwtSecret !== undefined && { secret: secrets.podiumJwtSecret }),
    ...(secrets.podiumToken !== undefined && { fixedToken: secrets.podiumToken }),
    ttlS: config.podium.token_ttl_s,
    clock,
  });
  const podium = createPodiumClient({
    exchange: runtime.exchange,
    url: config.podium.url,
    timeoutMs: config.podium.timeout_ms,
  });
  const lane = new Lane({ maxInFlight: config.podium.max_in_flight, queueLimit: config.podium.queue_limit });
  const refusals = new Refusals({ clock, append: (draft) => audit.append(draft) });
  const findJob: DispatchDeps["findJob"] = (jobId) => Promise.resolve(jobs.get(jobId));
  const dispatchDeps: DispatchDeps = {
    log: audit,
    jobs,
    findJob,
    keys,
    limits,
    lane,
    refusals,
    podium,
    token,
    clock,
    routes: config.podium.routes,
    statusRoute: config.podium.routes.status,
    settleMs: config.podium.timeout_ms,
    sha256: runtime.sha256,
  };

  const hub = new Hub({ clock, types: config.stream.types, history: config.stream.history });
  const upstream = gatewayStatus(hub);
  const follow = followTelemetry({ jobs, append: (draft) => audit.append(draft) });
  const telemetry = new Telemetry({
    url: config.podium.ws_url,
    token,
    log,
    clock,
    onFrame: (text) => {
      const event = hub.publish(text);
      if (event) follow(event);
    },
    onState: (state, detail) => {
      log.info("podium_stream", { state, ...(detail !== "" && { detail }) });
      upstream.change(state, detail);
    },
  });
  const clients = new Clients();

  const gateway = () => ({
    version,
    commit,
    runtime: `${runtime.name} ${runtime.version}`,
    audit: { state: audit.state, ...audit.head },
    stream: { upstream: telemetry.state, clients: clients.size, cursor: `${hub.epoch}:${hub.seq}` },
    lane: { in_flight: lane.inFlight, waiting: lane.waiting, max_in_flight: config.podium.max_in_flight },
  });
  const app = createApp({
    dispatch: dispatchDeps,
    bodyBytesMax: config.limits.body_bytes_max,
    findJob,
    podiumStatus: async () => {
      const viewer = await token({ subject: "roxy-core", role: "viewer" });
      return podium.send(fillRoute(config.podium.routes.status, { action: "status" }), viewer);
    },
    gateway,
    notReady: () => (audit.state === "open" ? undefined : "the audit log can't be written"),
    stream: {
      hub,
      clients,
      queueBytesMax: config.stream.client_queue_bytes_max,
      terminalStatuses: new Set(config.stream.terminal_statuses),
      gatewayStatus: upstream.current,
    },
    log,
    guard: {
      host: config.listen.host,
      allowedHosts: config.listen.allowed_hosts,
      allowedOrigins: config.listen.allowed_origins,
    },
    authenticate: options.clientToken === undefined ? trustLocal : requireToken(options.clientToken, runtime.sha256),
  });

  let listener: Listener;
  try {
    listener = await runtime.serve({
      host: config.listen.host,
      port: config.listen.port,
      bodyBytesMax: config.limits.body_bytes_max,
      fetch: (request, connection) => app.fetch(request, { connection }),
    });
  } catch (error) {
    await audit.close();
    throw cannotListen(config.listen, error);
  }
  telemetry.start();

  return {
    host: config.listen.host,
    port: listener.port,
    failed: failed.promise,
    async stop() {
      await lane.close();
      telemetry.stop();
      clients.closeAll();
      await Promise.race([listener.stop(false), new Promise((resolve) => setTimeout(resolve, stopMs))]);
      await listener.stop(true);
      refusals.flush();
      await audit.close();
    },
  };
}

/** After a crash, what was on its way has an unknown fate: said in the log before anything new happens. Never re-sent. */
async function closeOpenIntents(audit: AuditLog, jobs: JobStore, log: Log): Promise<void> {
  const open = jobs.withoutOutcome();
  if (open.length === 0) return;
  log.warn("outcomes_unknown", { jobs: open.map(({ job_id }) => job_id).join(" ") });
  await audit.appendMany(
    open.map((job) => ({
      event: "unknown",
      audit_id: job.audit_id,
      job_id: job.job_id,
      action: job.action,
      story_id: job.story_id,
      plan_id: job.plan_id,
      source: job.source,
      user_id: job.user_id,
      result: "unknown",
      code: "podium_timeout",
      retry: "same-key",
      detail: "roxy-core ended before the outcome was recorded; the command may have been executed",
    })),
  );
}

function cannotListen({ host, port }: Config["listen"], error: unknown): Fatal {
  const address = `${host}:${port}`;
  if ((error as { code?: unknown }).code === "EADDRINUSE") {
    return new Fatal(`Cannot listen on ${address}: another program does already. Stop it, or choose another --port`);
  }
  return new Fatal(`Cannot listen on ${address}: ${messageOf(error)}`);
}
