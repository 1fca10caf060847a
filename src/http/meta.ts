import { Hono } from "hono";
import { commit, version } from "../lib/version.ts";
import type { HttpEnv } from "./app.ts";

export interface MetaRouteDeps {
  /** Why no dispatch can be taken right now; undefined when one can. */
  readonly notReady: () => string | undefined;
  readonly gateway: () => Readonly<Record<string, unknown>>;
}

/** `/ready` and `/api`; `/health` stands before authentication, in `app.ts`. */
export function metaRoutes({ notReady, gateway }: MetaRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/ready", (c) => {
      const reason = notReady();
      return c.json(
        { success: reason === undefined, ...(reason !== undefined && { reason }), gateway: gateway() },
        reason ? 503 : 200,
      );
    })
    .get("/api", (c) =>
      c.json({
        name: "roxy-core",
        version,
        commit,
        routes: [
          "POST /api/orchestrator/dispatch",
          "GET /api/orchestrator/status",
          "GET /api/orchestrator/status/{job_id}",
          "WS /api/orchestrator/stream",
          "WS /api/orchestrator/stream/{job_id}",
          "GET /api/orchestrator/events",
          "GET /api/orchestrator/events/{job_id}",
          "GET /api/orchestrator/jobs",
          "GET /api/orchestrator/audit",
          "GET /api/orchestrator/audit/{audit_id}",
          "GET /api/orchestrator/audit/{audit_id}/proof",
          "GET /api/orchestrator/audit/head",
          "GET /api/orchestrator/audit/verify",
          "GET /api/services",
          "GET /",
          "GET /api/session",
          "POST /api/session",
          "DELETE /api/session",
          "GET /openapi.json",
          "GET /docs",
          "GET /.well-known/jwks.json",
          "GET /metrics",
          "GET /health",
          "GET /ready",
        ],
      }),
    );
}
