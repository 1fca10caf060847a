import type { Context } from "hono";
import type { HttpEnv } from "./app.ts";

/** Aborted when nobody waits for the answer any more. */
export function callerOf(c: Context<HttpEnv>): AbortSignal | undefined {
  return c.env?.connection?.signal;
}
