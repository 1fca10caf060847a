import { Hono } from "hono";
import type { Log } from "../lib/log.ts";
import { exitCodes, Fatal, messageOf, Problem } from "../lib/errors.ts";
import type { Trace } from "../lib/trace.ts";
import type { Connection } from "../runtime/types.ts";
import type { Pass } from "../stream/clients.ts";
import { requireToken } from "./authenticate.ts";
import type { AuditRouteDeps } from "./audit.ts";
import { auditRoutes } from "./audit.ts";
import type { ClientToken } from "./client-tokens.ts";
import { cors } from "./cors.ts";
import type { DispatchRouteDeps } from "./dispatch.ts";
import { dispatchRoute } from "./dispatch.ts";
import type { EnvelopeDeps } from "./envelope.ts";
import { envelope } from "./envelope.ts";
import type { JwksRouteDeps } from "./jwks.ts";
import { jwksRoute } from "./jwks.ts";
import type { GuardOptions } from "./guard.ts";
import { guard } from "./guard.ts";
import type { JobRouteDeps } from "./jobs.ts";
import { jobRoutes } from "./jobs.ts";
import { methodsOf } from "./methods.ts";
import type { MetaRouteDeps } from "./meta.ts";
import { metaRoutes } from "./meta.ts";
import type { MetricsRouteDeps } from "./metrics.ts";
import { metricsRoute } from "./metrics.ts";
import { openApiRoutes } from "./openapi.ts";
import type { PanelRouteDeps } from "./panel.ts";
import { panelRoutes } from "./panel.ts";
import { notFound, problemResponse } from "./problem.ts";
import { RememberingRouter } from "./router.ts";
import type { ServicesRouteDeps } from "./services.ts";
import { servicesRoute } from "./services.ts";
import type { SessionRouteDeps } from "./session.ts";
import { sessionRoutes } from "./session.ts";
import type { StatusRouteDeps } from "./status.ts";
import { statusRoute } from "./status.ts";
import type { StreamRouteDeps } from "./stream.ts";
import { streamRoutes } from "./stream.ts";

/** What a request brings along: the connection it came in on, and who it is from once that is known. */
export interface HttpEnv {
  Bindings: { connection: Connection };
  Variables: { client: ClientToken | undefined; pass: Pass | undefined; trace: Trace };
}

export interface AppDeps
  extends
    DispatchRouteDeps,
    JobRouteDeps,
    StatusRouteDeps,
    StreamRouteDeps,
    AuditRouteDeps,
    ServicesRouteDeps,
    SessionRouteDeps,
    PanelRouteDeps,
    MetaRouteDeps,
    MetricsRouteDeps,
    JwksRouteDeps,
    EnvelopeDeps {
  readonly guard: GuardOptions;
}

/**
 * The HTTP side: web standards only, `app.fetch(request, { connection })`. What stands before `requireToken` is open to
 * everybody whom the guard lets in. The door itself is {@link dispatchRoute}.
 */
export function createApp(deps: AppDeps): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>({ router: new RememberingRouter() });
  const { allowedOrigins } = deps.guard;
  app.use(envelope(deps));
  app.use(guard(deps.guard));
  if (allowedOrigins.length > 0) app.use(cors(allowedOrigins));
  app.get("/health", (c) => c.json({ success: true, status: "ok" }));
  app.route("/", panelRoutes(deps));
  app.route("/", openApiRoutes());
  app.route("/", jwksRoute(deps));
  if (deps.doorkeeper) app.use(requireToken(deps.doorkeeper));
  app.route("/", sessionRoutes(deps));
  app.route("/", dispatchRoute(deps));
  app.route("/", statusRoute(deps));
  app.route("/", jobRoutes(deps));
  app.route("/", streamRoutes(deps));
  app.route("/", auditRoutes(deps));
  app.route("/", servicesRoute(deps));
  app.route("/", metaRoutes(deps));
  app.route("/", metricsRoute(deps));
  const methods = methodsOf(app);
  // Not thrown: Hono catches what is thrown here one layer further out than what a route throws.
  app.notFound((c) => {
    const problem = unknownRoute(c.req.method, c.req.path, methods(c.req.path));
    c.error = problem;
    return problemResponse(problem);
  });
  app.onError((error, c) => {
    return problemResponse(error instanceof Problem ? error : unexpected(deps.log, error, c.get("trace")?.requestId));
  });
  return app;
}

function unknownRoute(method: string, path: string, allowed: readonly string[]): Problem {
  if (allowed.length === 0) return notFound(`There is nothing at ${method} ${path}`);
  return new Problem("method_not_allowed", `${path} does not take ${method}; nothing was executed`, {
    headers: { allow: allowed.join(", ") },
  });
}

/** A fault of ours: the log gets the words, the caller gets no internals. */
function unexpected(log: Log, error: unknown, requestId: string | undefined): Problem {
  if (error instanceof Fatal && error.exitCode === exitCodes.integrity) {
    log.error("audit_damaged", { message: error.message });
    return new Problem("audit_unavailable", error.message);
  }
  log.error("internal_error", {
    request_id: requestId,
    message: messageOf(error),
    ...(error instanceof Error && { stack: error.stack ?? "" }),
  });
  return new Problem(
    "internal_error",
    "roxy-core failed; its log says more. Repeat with the same Idempotency-Key only",
  );
}
