import { Hono } from "hono";
import type { Dispatched, DispatchDeps } from "../dispatch/pipeline.ts";
import { dispatch } from "../dispatch/pipeline.ts";
import { parseDispatch, parseIdempotencyKey } from "../dispatch/command.ts";
import type { HttpEnv } from "./app.ts";
import { requireAdmin } from "./authenticate.ts";
import { readJsonBody } from "./body.ts";
import { jsonResponse } from "./json-response.ts";
import { jsonWith } from "../wire/raw-json.ts";

export interface DispatchRouteDeps {
  readonly dispatch: DispatchDeps;
  readonly bodyBytesMax: number;
}

/** `POST /api/orchestrator/dispatch`: the one door. */
export function dispatchRoute(deps: DispatchRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>().post("/api/orchestrator/dispatch", async (c) => {
    requireAdmin(c);
    const idempotencyKey = parseIdempotencyKey(c.req.header("idempotency-key") ?? null);
    const body = await readJsonBody(c.req.raw, deps.bodyBytesMax);
    const { command, asker } = parseDispatch(body, c.get("client")?.name);
    const dispatched = await dispatch(deps.dispatch, {
      command,
      asker,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      client: c.env.connection,
    });
    return answerTo(c.req.raw, dispatched);
  });
}

function answerTo(request: Request, { job, podiumResult, replayed }: Dispatched): Response {
  const fields = {
    success: true,
    job_id: job.job_id,
    status: job.status,
    audit_id: job.audit_id,
    stream_url: streamUrl(request, job.job_id),
    receipt: job.receipt,
  };
  return jsonResponse(
    jsonWith(fields, { podium_result: podiumResult }),
    replayed ? { "idempotency-replayed": "true" } : {},
  );
}

/** Built from the request's own Host, which the guard has found to be one of ours. */
export function streamUrl(request: Request, jobId: string): string {
  const { protocol, host } = new URL(request.url);
  return `${protocol === "https:" ? "wss" : "ws"}://${request.headers.get("host") ?? host}/api/orchestrator/stream/${jobId}`;
}
