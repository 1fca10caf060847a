import type { Context } from "hono";
import { Hono } from "hono";
import { messageOf } from "../../lib/errors.ts";
import type { AdmissionOptions } from "../admission.ts";
import { admit, isOpen } from "../admission.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { Refusal } from "../vocabulary.ts";
import { refuseBrowsers } from "./browser-guard.ts";
import { commandRoutes } from "./commands.ts";
import { healthRoutes, readRoutes } from "./reads.ts";
import type { LunoEnv } from "./request.ts";
import { socketRoute } from "./socket.ts";

export interface AppOptions {
  readonly orchestrator: Orchestrator;
  readonly admission: AdmissionOptions;
}

/** Podium's routes (its wire contract) in front of the orchestrator. */
export function createApp({ orchestrator, admission }: AppOptions): Hono<LunoEnv> {
  const app = new Hono<LunoEnv>();
  app.onError((error, c) => refuse(error, c, orchestrator));
  app.notFound((c) =>
    c.json({ success: false, error: `There is no ${c.req.method} ${c.req.path.slice(0, 256)}` }, 404),
  );
  app.use(async (c, next) => {
    if (isOpen(admission)) refuseBrowsers(c.req.raw.headers);
    await next();
  });
  app.route("/", healthRoutes(orchestrator));
  app.use(async (c, next) => {
    c.set("caller", await admit(tokenOf(c), admission));
    await next();
  });
  app.route("/", socketRoute(orchestrator));
  app.route("/", commandRoutes(orchestrator));
  app.route("/", readRoutes(orchestrator));
  return app;
}

/** `Authorization: Bearer` on HTTP (RFC 6750 section 2.1); a browser's WebSocket has only the address for it. */
function tokenOf(c: Context<LunoEnv>): string | undefined {
  if (c.req.path === "/ws") return c.req.query("token");
  return /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
}

function refuse(error: Error, c: Context<LunoEnv>, { log }: Orchestrator): Response {
  if (error instanceof Refusal) {
    if (error.status === 401) c.header("WWW-Authenticate", "Bearer");
    return c.json({ success: false, error: error.message }, error.status);
  }
  log.error("luno_failed", { path: c.req.path, reason: messageOf(error) });
  return c.json({ success: false, error: "luno failed; its log says why" }, 500);
}
