import type { Registry } from "prom-client";
import Counter from "prom-client/lib/counter.js";
import Histogram from "prom-client/lib/histogram.js";
import type { Stage } from "../dispatch/stages.ts";
import { stages } from "../dispatch/stages.ts";
import { actions } from "../wire/dispatch.ts";

/**
 * Seconds. The disk answers in well under a millisecond, Podium in 0.5 to 2 s, and nobody waits longer than 30 s
 * (`podium.timeout_ms`).
 */
const secondsBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30];

/** Refusals that say that a bound was reached. */
const limitCodes = ["rate_limited", "story_cooldown", "queue_full", "too_many_clients", "too_large"] as const;
/** Method names that a stranger may make up are not worth a series each. */
const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

export type FileOperation = "write" | "sync";

/** What is counted where it happens. Each call costs well under a microsecond: a label lookup and an addition. */
export interface Instruments {
  /** @param outcome `queued`, `replayed`, or a problem code; the action is `none` when the body could not be read */
  dispatched(action: string, outcome: string, durationMs: number): void;
  stage(stage: Stage, durationMs: number): void;
  answered(method: string, status: number, code: string | undefined): void;
  synced(durationMs: number): void;
  fileFault(operation: FileOperation): void;
}

export function createInstruments(registry: Registry): Instruments {
  const registers = [registry];
  const dispatches = new Counter({
    name: "roxy_dispatches_total",
    help: "Dispatches by action and by what became of them (queued, replayed, or a problem code)",
    labelNames: ["action", "outcome"],
    registers,
  });
  const dispatchSeconds = new Histogram({
    name: "roxy_dispatch_seconds",
    help: "From the request's body to the answer",
    labelNames: ["action"],
    buckets: secondsBuckets,
    registers,
  });
  const stageSeconds = new Histogram({
    name: "roxy_dispatch_stage_seconds",
    help: "Stages of a dispatch: audit_intent, wait (in the lane), sign, podium, audit_outcome",
    labelNames: ["stage"],
    buckets: secondsBuckets,
    registers,
  });
  const limits = new Counter({
    name: "roxy_limits_hit_total",
    help: "Requests refused because a limit was reached",
    labelNames: ["limit"],
    registers,
  });
  const { requests, syncSeconds, faults } = edges(registers);
  const isLimit: ReadonlySet<string> = new Set(limitCodes);
  // Series that exist from the start: an alert on a rate needs a zero to rise from.
  for (const limit of limitCodes) limits.inc({ limit }, 0);
  for (const action of actions) dispatches.inc({ action, outcome: "queued" }, 0);
  const byStage = new Map(stages.map((stage) => [stage, stageSeconds.labels({ stage })]));
  const countOf = remembered((action, outcome) => dispatches.labels({ action, outcome }));
  const secondsOf = remembered((action) => dispatchSeconds.labels({ action }));
  const requestsOf = remembered((method, status) => requests.labels({ method, status }));
  return {
    dispatched(action, outcome, durationMs) {
      countOf(action, outcome).inc();
      secondsOf(action, "").observe(durationMs / 1000);
    },
    stage: (stage, durationMs) => byStage.get(stage)?.observe(durationMs / 1000),
    answered(method, status, code) {
      requestsOf(methods.has(method) ? method : "other", String(status)).inc();
      if (code !== undefined && isLimit.has(code)) limits.inc({ limit: code });
    },
    synced: (durationMs) => syncSeconds.observe(durationMs / 1000),
    fileFault: (operation) => faults.inc({ operation }),
  };
}

/** The library finds a series by hashing its labels, which costs more than counting: each is looked up once. */
function remembered<T>(find: (first: string, second: string) => T): (first: string, second: string) => T {
  const known = new Map<string, T>();
  return (first, second) => {
    const name = `${first} ${second}`;
    let series = known.get(name);
    // As many as there are series: both labels come from closed sets.
    if (series === undefined) known.set(name, (series = find(first, second)));
    return series;
  };
}

/** Towards clients and towards the disk. */
function edges(registers: Registry[]) {
  const faults = new Counter({
    name: "roxy_audit_failures_total",
    help: "Writes and syncs of the audit log that failed; after the first, nothing is written any more",
    labelNames: ["operation"],
    registers,
  });
  for (const operation of ["write", "sync"]) faults.inc({ operation }, 0);
  return {
    faults,
    requests: new Counter({
      name: "roxy_http_requests_total",
      help: "Requests by method and status",
      labelNames: ["method", "status"],
      registers,
    }),
    syncSeconds: new Histogram({
      name: "roxy_audit_sync_seconds",
      help: "fdatasync of the audit log",
      buckets: secondsBuckets,
      registers,
    }),
  };
}
