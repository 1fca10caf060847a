import { Hono } from "hono";
import { demand } from "../admission.ts";
import { logEntriesMax } from "../log-ring.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { standInName, storyStatuses } from "../vocabulary.ts";
import { statusView } from "../views.ts";
import type { LunoEnv } from "./request.ts";

const logsShownByDefault = 100;

/** Health, for probes that hold no token: nothing about stories in it. */
export function healthRoutes(orchestrator: Orchestrator): Hono<LunoEnv> {
  const { ledger, clock, startedAtMs } = orchestrator;
  const routes = new Hono<LunoEnv>();
  const about = { service: "luno", name: standInName, standIn: true };
  routes.get("/health", (c) => {
    const uptimeS = Math.round((clock.now() - startedAtMs) / 1000);
    return c.json({ success: true, status: "ok", ...about, uptimeSeconds: uptimeS, timestamp: orchestrator.now() });
  });
  routes.get("/health/orchestrator", (c) => {
    const reasons: string[] = [];
    const { halted } = ledger.state;
    if (halted) reasons.push(`Halted since ${halted.since}; START_ORCHESTRATOR lifts that`);
    if (ledger.unwritten) reasons.push("The state file can't be written");
    const state = halted ? "halted" : "running";
    if (reasons.length === 0) return c.json({ success: true, status: "healthy", state, ...about });
    return c.json({ success: false, status: "degraded", state, reasons, error: reasons.join("; "), ...about }, 503);
  });
  return routes;
}

/** Status, metrics and logs: the role viewer is enough. */
export function readRoutes(orchestrator: Orchestrator): Hono<LunoEnv> {
  const routes = new Hono<LunoEnv>();
  const { now } = orchestrator;
  routes.use("/api/*", async (c, next) => {
    demand("viewer", c.var.caller);
    await next();
  });
  routes.get("/api/status", (c) =>
    c.json({ ...statusView({ ...orchestrator, facts: orchestrator.facts() }), lastUpdated: now() }),
  );
  routes.get("/api/metrics", (c) => c.json({ success: true, lastUpdated: now(), ...metricsOf(orchestrator) }));
  routes.get("/api/logs", (c) => {
    const logs = orchestrator.logs.last(limitOf(c.req.query("limit")));
    return c.json({ success: true, count: logs.length, logs, lastUpdated: now() });
  });
  return routes;
}

function metricsOf({ ledger, agents, conductor, telemetry, clock, startedAtMs }: Orchestrator) {
  const states = [...ledger.stories.values()].map((story) => ledger.stateOf(story));
  const byStatus = Object.fromEntries(
    storyStatuses.map((status) => [status, states.filter((state) => state.status === status).length]),
  );
  const views = agents.views;
  return {
    uptimeSeconds: Math.round((clock.now() - startedAtMs) / 1000),
    beats: conductor.beats,
    queueLength: ledger.state.queue.length,
    stories: { total: states.length, byStatus },
    executionsStarted: states.reduce((sum, { runs }) => sum + runs, 0),
    agents: { total: views.length, busy: views.filter(({ status }) => status === "busy").length },
    streamClients: telemetry.clients,
  };
}

/** Anything that is not a sensible number becomes the default, as a reader of logs would want. */
function limitOf(text: string | undefined): number {
  const limit = /^\d{1,6}$/.test(text ?? "") ? Number(text) : logsShownByDefault;
  return Math.min(Math.max(limit, 1), logEntriesMax);
}
