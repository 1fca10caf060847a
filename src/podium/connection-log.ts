import type { Clock } from "../lib/clock.ts";
import { timestampOf } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { UpstreamState } from "./telemetry.ts";

/** How often an outage that lasts is told again. */
const againMs = 3_600_000;

/**
 * Podium may be off for days, and is called every few seconds: its loss is told once, then once an hour with the reason
 * of that time, and then its return. Each single attempt is for who debugs.
 */
export function connectionLog(log: Log, clock: Clock): (state: UpstreamState, detail: string) => void {
  let lost: { readonly since: string; toldMs: number } | undefined;
  return (state, detail) => {
    const fields = { state, ...(detail !== "" && { detail }) };
    if (state === "connected") {
      log.info("podium_stream", { ...fields, ...(lost && { lost_since: lost.since }) });
      lost = undefined;
      return;
    }
    const nowMs = clock.monotonic();
    if (state === "connecting" || (lost && nowMs - lost.toldMs < againMs)) return log.debug("podium_stream", fields);
    lost = { since: lost?.since ?? timestampOf(clock.now()), toldMs: nowMs };
    log.warn("podium_stream", { ...fields, lost_since: lost.since });
  };
}
