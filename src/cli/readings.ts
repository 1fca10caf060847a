import type { DispatchDeps } from "../dispatch/pipeline.ts";
import { commit, version } from "../lib/version.ts";
import type { Readings } from "../metrics/readings.ts";
import type { GatewayOptions } from "./gateway.ts";
import type { StreamRoom } from "./stream-room.ts";

/** Where each number of `/metrics` that is not counted on the way is looked up. */
export function readingsOf(
  { runtime, config, clock }: GatewayOptions,
  { log, lane }: DispatchDeps,
  { hub, clients, telemetry, faults }: StreamRoom,
  ready: () => boolean,
): Readings {
  return {
    version,
    commit,
    runtime: `${runtime.name} ${runtime.version}`,
    startedAtS: Math.floor(clock.now() / 1000),
    ready,
    lane: () => lane,
    audit: () => ({ seq: log.head.seq, checkpointSize: log.checkpointSize, open: log.state === "open" }),
    diskFreeBytes() {
      try {
        return runtime.files.freeBytes(config.audit.dir);
      } catch {
        return undefined;
      }
    },
    diskReserveBytes: config.audit.disk_reserve_mb * 1_048_576,
    stream: () => ({ clients: clients.size, frames: hub.seq, dropped: clients.dropped }),
    ignored: () => faults.counts,
    upstream: () => telemetry.state,
  };
}
