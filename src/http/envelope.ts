import type { MiddlewareHandler } from "hono";
import { Problem } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { traceOf } from "../lib/trace.ts";
import type { HttpEnv } from "./app.ts";

export interface EnvelopeDeps {
  readonly log: Log;
  /** Told of every answer; the code is a problem's. */
  readonly onAnswer?: (method: string, status: number, code: string | undefined) => void;
}

/** For answers that are not a page of ours: whatever they hold, a browser must not run, frame or embed it. */
const policies = Object.entries({
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
});

/** What every request gets, wherever it ends: an id, headers, one line in the log, a place in the numbers. */
export function envelope({ log, onAnswer }: EnvelopeDeps): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const startedAt = performance.now();
    const header = (name: string): string | undefined => c.req.header(name);
    const trace = traceOf(header("x-request-id"), header("traceparent"), Date.now(), header("tracestate"));
    c.set("trace", trace);
    // After an upgrade Deno lets nobody look at the request any more.
    const { method, path } = c.req;
    await next();
    if (method === "HEAD" && c.res.body) await tellLength(c.res);
    const { status } = c.res;
    const code = c.error instanceof Problem ? c.error.code : undefined;
    onAnswer?.(method, status, code);
    log.debug("request", {
      request_id: trace.requestId,
      traceparent: trace.traceparent,
      method,
      // Without its query, where somebody may have put a token.
      path,
      status,
      code,
      client: c.get("client")?.name,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
    });
    // An upgraded connection has no headers left to set.
    if (status === 101) return;
    c.res.headers.set("x-request-id", trace.requestId);
    for (const [name, value] of policies) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  };
}

/**
 * Hono answers HEAD by the GET's route and throws the body away, so that the runtime would call it empty; its length is
 * the GET's (RFC 9110 section 9.3.2).
 */
async function tellLength(answer: Response): Promise<void> {
  const { byteLength } = await answer.arrayBuffer();
  answer.headers.set("content-length", String(byteLength));
}
