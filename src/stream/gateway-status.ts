import type { Hub, StreamEvent } from "./hub.ts";

export interface GatewayStatus {
  /** The frame for a client that connects now. */
  readonly current: () => StreamEvent;
  /** The upstream has changed: everybody is told, and after an outage also what may have been missed. */
  change(state: string, detail: string): void;
}

/** Keeps the state of the upstream connection as clients see it: GATEWAY_STATUS on connecting and on each change. */
export function gatewayStatus(hub: Hub, snapshot: () => Promise<StreamEvent | undefined>): GatewayStatus {
  let fields: Record<string, unknown> = { podium: "disconnected" };
  let lostAt: string | undefined;
  return {
    current: () => hub.own("GATEWAY_STATUS", fields),
    change(state, detail) {
      fields = { podium: state, ...(detail !== "" && { detail }) };
      const { at } = hub.announce("GATEWAY_STATUS", fields);
      if (state === "disconnected") lostAt ??= at;
      if (state !== "connected" || lostAt === undefined) return;
      hub.gap({ reason: "upstream", from: lostAt, to: at });
      lostAt = undefined;
      void snapshot().then((event) => event && hub.tell(event));
    },
  };
}
