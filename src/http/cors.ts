import type { Context, MiddlewareHandler, Next } from "hono";
import type { HttpEnv } from "./app.ts";

/** Seconds that a browser may remember our answer to its preflight. */
const preflightS = 600;
const methods = "GET, POST, DELETE";
const requestHeaders =
  "content-type, idempotency-key, x-roxy-token, authorization, x-request-id, traceparent, tracestate, last-event-id";
const answerHeaders = "idempotency-replayed, retry-after, ratelimit, ratelimit-policy, x-request-id";

/**
 * Lets pages of `listen.allowed_origins` read our answers (Fetch standard, CORS protocol). Without an origin there, no
 * answer ever has a CORS header. Cookies are not part of it: such a page brings its token itself.
 */
export function cors(allowedOrigins: readonly string[]): MiddlewareHandler<HttpEnv> {
  const origins = new Set(allowedOrigins);
  return (c, next) => {
    const origin = c.req.header("origin");
    return origin !== undefined && origins.has(origin) ? letRead(origin, c, next) : next();
  };
}

async function letRead(origin: string, c: Context<HttpEnv>, next: Next): Promise<Response | void> {
  const allow = { "access-control-allow-origin": origin, vary: "origin" };
  if (c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined) {
    return new Response(null, {
      status: 204,
      headers: {
        ...allow,
        "access-control-allow-methods": methods,
        "access-control-allow-headers": requestHeaders,
        "access-control-max-age": String(preflightS),
      },
    });
  }
  await next();
  // An upgraded connection has no headers left to set.
  if (c.res.status === 101) return;
  c.res.headers.append("vary", allow.vary);
  c.res.headers.set("access-control-allow-origin", origin);
  c.res.headers.set("access-control-expose-headers", answerHeaders);
}
