import type { Hono } from "hono";
import type { HttpEnv } from "./app.ts";

/** Which methods a path takes; empty for a path that is not there. Parameters match one segment, as in the router. */
export function methodsOf(app: Hono<HttpEnv>): (path: string) => string[] {
  const routes = app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => ({ method, fits: new RegExp(`^${path.replaceAll(/:[a-z_]+/g, "[^/]+")}$`) }));
  return (path) => [...new Set(routes.filter(({ fits }) => fits.test(path)).map(({ method }) => method))];
}
