import type { Registry } from "prom-client";
import Counter from "prom-client/lib/counter.js";
import type { Stage } from "../dispatch/stages.ts";
import { actions } from "../wire/dispatch.ts";
import { Counts, Durations } from "./tallies.ts";

/** Refusals that say that a bound was reached. */
const limitCodes = ["rate_limited", "story_cooldown", "queue_full", "too_many_clients", "too_large"] as const;
/** Method names that a stranger may make up are not worth a series each. */
const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

export type FileOperation = "write" | "sync";

/** What is counted where it happens. Each call costs well under a microsecond: a lookup and an addition. */
export interface Instruments {
  /**
   * @param outcome `queued`, `replayed` (a stored answer, also of a refusal), or a problem code; the action is `none` when
   * the body could not be read
   */
  dispatched(action: string, outcome: string, durationMs: number): void;
  stage(stage: Stage, durationMs: number): void;
  answered(method: string, status: number, code: string | undefined): void;
  synced(durationMs: number): void;
  fileFault(operation: FileOperation): void;
}

export function createInstruments(registry: Registry): Instruments {
  const dispatches = new Counts(
    {
      name: "roxy_dispatches_total",
      help: "Dispatches by action and by what became of them (queued, replayed from the record, or a problem code)",
      labels: ["action", "outcome"],
    },
    registry,
  );
  const dispatchTimes = new Durations(
    { name: "roxy_dispatch_seconds", help: "From the request's body to the answer", labels: "action" },
    registry,
  );
  const stageTimes = new Durations(
    {
      name: "roxy_dispatch_stage_seconds",
      help: "Stages of a dispatch: audit_intent, wait (in the lane), sign, podium, audit_outcome",
      labels: "stage",
    },
    registry,
  );
  const limits = new Counter({
    name: "roxy_limits_hit_total",
    help: "Requests refused because a limit was reached",
    labelNames: ["limit"],
    registers: [registry],
  });
  const { requests, syncTimes, faults } = edges(registry);
  const isLimit: ReadonlySet<string> = new Set(limitCodes);
  // Series that exist from the start: an alert on a rate needs a zero to rise from.
  for (const limit of limitCodes) limits.inc({ limit }, 0);
  for (const action of actions) dispatches.add(action, "queued", 0);
  return {
    dispatched(action, outcome, durationMs) {
      dispatches.add(action, outcome);
      dispatchTimes.add(durationMs, action);
    },
    stage: (stage, durationMs) => stageTimes.add(durationMs, stage),
    answered(method, status, code) {
      requests.add(methods.has(method) ? method : "other", String(status));
      if (code !== undefined && isLimit.has(code)) limits.inc({ limit: code });
    },
    synced: (durationMs) => syncTimes.add(durationMs),
    fileFault: (operation) => faults.inc({ operation }),
  };
}

/** Towards clients and towards the disk. */
function edges(registry: Registry) {
  const faults = new Counter({
    name: "roxy_audit_failures_total",
    help: "Writes and syncs of the audit log that failed; after the first, nothing is written any more",
    labelNames: ["operation"],
    registers: [registry],
  });
  for (const operation of ["write", "sync"]) faults.inc({ operation }, 0);
  return {
    faults,
    requests: new Counts(
      { name: "roxy_http_requests_total", help: "Requests by method and status", labels: ["method", "status"] },
      registry,
    ),
    syncTimes: new Durations(
      { name: "roxy_audit_sync_seconds", help: "fdatasync of the audit log", labels: undefined },
      registry,
    ),
  };
}
