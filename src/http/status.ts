import { Hono } from "hono";
import { Problem } from "../lib/errors.ts";
import type { Verdict } from "../podium/verdict.ts";
import type { HttpEnv } from "./app.ts";
import { problemResponse } from "./problem.ts";
import { jsonResponse } from "./json-response.ts";
import { jsonWith } from "../wire/raw-json.ts";

export interface StatusRouteDeps {
  /** Asks Podium for its status; any number of panels that ask at the same moment cost Podium one answer. */
  readonly podiumStatus: () => Promise<Verdict>;
  /** What roxy-core says of itself. */
  readonly gateway: () => Readonly<Record<string, unknown>>;
}

/** `GET /api/orchestrator/status`: Podium's JSON as it came, beside our own part. */
export function statusRoute({ podiumStatus, gateway }: StatusRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>().get("/api/orchestrator/status", async () => {
    const verdict = await podiumStatus();
    if (verdict.kind === "accepted") {
      return jsonResponse(jsonWith({ success: true, gateway: gateway() }, { podium: verdict.json }));
    }
    const problem = new Problem(verdict.code, `Podium's status can't be had: ${verdict.detail}`, { retry: "safe" });
    return problemResponse(problem, { gateway: gateway() });
  });
}
