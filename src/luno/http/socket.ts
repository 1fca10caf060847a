import { Hono } from "hono";
import type { PeerHandlers } from "../../runtime/types.ts";
import { demand } from "../admission.ts";
import type { Frame } from "../frames.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { Refusal } from "../vocabulary.ts";
import { workView } from "../views.ts";
import type { LunoEnv } from "./request.ts";

/** `/ws`: telemetry. What clients say is not listened to. */
export function socketRoute(orchestrator: Orchestrator): Hono<LunoEnv> {
  const { telemetry } = orchestrator;
  const handlers: PeerHandlers = {
    open: (peer) => telemetry.add(peer, welcome(orchestrator)),
    message() {},
    drain() {},
    close: (peer) => telemetry.remove(peer),
  };
  return new Hono<LunoEnv>().get("/ws", (c) => {
    demand("viewer", c.var.caller);
    if (telemetry.isFull) throw new Refusal("Cannot stream: too many clients are connected", 503);
    const response = c.env.connection.upgrade(handlers);
    if (!response) throw new Refusal("Cannot stream: this is not a WebSocket request", 400);
    return response;
  });
}

/** How things stand, so that a newcomer need not wait for a change. */
function welcome({ agents, now, ...rest }: Orchestrator): Frame[] {
  const timestamp = now();
  return [
    { type: "QUEUE_UPDATE", ...workView({ ...rest, agents }), timestamp },
    { type: "AGENT_STATUS", agents: agents.views, timestamp },
  ];
}
