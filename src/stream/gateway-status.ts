import type { FaultCounts } from "./frame-faults.ts";
import type { Hub, StreamEvent } from "./hub.ts";

export interface GatewayStatus {
  /** The frame for a client that connects now. */
  readonly current: () => StreamEvent;
  /** The upstream has changed: everybody is told, and after an outage also what may have been missed. */
  change(state: string, detail: string): void;
  /** The upstream was renewed under way: only a GAP, if anything may be missing. */
  renewed(seamless: boolean): void;
  /** How many of Podium's frames could not be passed on. */
  ignored(counts: FaultCounts): void;
}

/** Keeps the state of the upstream connection as clients see it: GATEWAY_STATUS on connecting and on each change. */
export function gatewayStatus(hub: Hub, snapshot: () => Promise<StreamEvent>): GatewayStatus {
  let state: Record<string, unknown> = { podium: "disconnected" };
  let faults: { readonly ignored?: FaultCounts } = {};
  let lostAt: string | undefined;
  const fields = (): Record<string, unknown> => ({ ...state, ...faults });
  const gap = (why: Readonly<Record<string, unknown>>): void => {
    hub.gap(why);
    void snapshot().then((event) => hub.tell(event));
  };
  return {
    current: () => hub.own("GATEWAY_STATUS", fields()),
    change(podium, detail) {
      state = { podium, ...(detail !== "" && { detail }) };
      const { at } = hub.announce("GATEWAY_STATUS", fields());
      if (podium === "disconnected") lostAt ??= at;
      if (podium !== "connected" || lostAt === undefined) return;
      gap({ reason: "upstream", from: lostAt, to: at });
      lostAt = undefined;
    },
    renewed(seamless) {
      if (!seamless) gap({ reason: "renewal" });
    },
    ignored(counts) {
      faults = { ignored: counts };
      hub.announce("GATEWAY_STATUS", fields());
    },
  };
}
