import { Hono } from "hono";
import type { DispatchDeps } from "../dispatch/pipeline.ts";
import type { Dispatched } from "../dispatch/replay.ts";
import { dispatch } from "../dispatch/pipeline.ts";
import type { Incoming } from "../dispatch/command.ts";
import { parseDispatch, parseIdempotencyKey } from "../dispatch/command.ts";
import { Problem } from "../lib/errors.ts";
import type { HttpEnv } from "./app.ts";
import { requireAdmin } from "./authenticate.ts";
import { readJsonBody } from "./body.ts";
import { jsonResponse } from "./json-response.ts";
import { jsonWith } from "../wire/raw-json.ts";

export interface DispatchRouteDeps {
  readonly dispatch: DispatchDeps;
  /** Looked at for each request: it may change while the program runs. */
  readonly bodyBytesMax: () => number;
  /**
   * Told of each dispatch: `queued`, `replayed` whatever the stored answer was, or a problem's code; the action is `none`
   * when there was none to read.
   */
  readonly onDispatch?: (action: string, outcome: string, durationMs: number) => void;
}

/** `POST /api/orchestrator/dispatch`: the one door. */
export function dispatchRoute(deps: DispatchRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>().post("/api/orchestrator/dispatch", async (c) => {
    const { clock } = deps.dispatch;
    const startedAt = clock.monotonic();
    const seen = { action: "none", outcome: "internal_error" };
    try {
      requireAdmin(c);
      const idempotencyKey = parseIdempotencyKey(c.req.header("idempotency-key") ?? null);
      const body = await readJsonBody(c.req.raw, deps.bodyBytesMax());
      const incoming: Incoming = {
        ...parseDispatch(body, c.get("client")?.name),
        idempotencyKey,
        client: c.env.connection,
        trace: c.get("trace"),
      };
      seen.action = incoming.command.action;
      const dispatched = await dispatch(deps.dispatch, incoming);
      seen.outcome = dispatched.replayed ? "replayed" : "queued";
      return answerTo(c.req.raw, dispatched);
    } catch (error) {
      if (error instanceof Problem) seen.outcome = isReplayed(error) ? "replayed" : error.code;
      throw error;
    } finally {
      deps.onDispatch?.(seen.action, seen.outcome, clock.monotonic() - startedAt);
    }
  });
}

/** A stored refusal was counted when it was made. */
function isReplayed({ extras }: Problem): boolean {
  return extras.headers?.["idempotency-replayed"] !== undefined;
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
  const scheme = request.url.startsWith("https:") ? "wss" : "ws";
  return `${scheme}://${request.headers.get("host") ?? ""}/api/orchestrator/stream/${jobId}`;
}
