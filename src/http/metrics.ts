import { Hono } from "hono";
import type { HttpEnv } from "./app.ts";

export interface MetricsRouteDeps {
  /** Prometheus text (exposition format 0.0.4). */
  readonly metrics?: () => Promise<string>;
}

/** `GET /metrics`: behind the same door as everything that tells something. */
export function metricsRoute({ metrics }: MetricsRouteDeps): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  if (!metrics) return app;
  return app.get("/metrics", async () => {
    return new Response(await metrics(), { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
  });
}
