import type { Context } from "hono";
import { Hono } from "hono";
import { Problem } from "../lib/errors.ts";
import type { Job } from "../jobs/job.ts";
import type { JobView, StreamContext, Wish } from "../stream/client.ts";
import { streamClient } from "../stream/client.ts";
import type { HttpEnv } from "./app.ts";
import type { JobRouteDeps } from "./jobs.ts";
import { requireJob } from "./jobs.ts";

export interface StreamRouteDeps extends JobRouteDeps {
  readonly stream: StreamContext;
}

/** `WS /api/orchestrator/stream[/{job_id}]`: Podium's frames, unchanged. */
export function streamRoutes({ stream, archive }: StreamRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/orchestrator/stream", (c) => upgrade(c, stream, wishOf(c)))
    .get("/api/orchestrator/stream/:job_id", async (c) => {
      const job = await requireJob(archive, c.req.param("job_id"));
      return upgrade(c, stream, { ...wishOf(c), job: viewOf(job, stream.terminalStatuses) });
    });
}

function upgrade(c: Context<HttpEnv>, stream: StreamContext, wish: Wish): Response {
  const response = c.env.connection.upgrade(streamClient(stream, wish));
  if (response) return response;
  throw new Problem("invalid_request", "This is a WebSocket: connect with an Upgrade request", {
    headers: { upgrade: "websocket" },
  });
}

function wishOf(c: Context<HttpEnv>): Wish {
  const types = c.req.query("types");
  const since = c.req.query("since");
  return {
    envelope: c.req.query("envelope") === "1",
    ...(types !== undefined && { types: new Set(types.split(",").filter((type) => type !== "")) }),
    ...(since !== undefined && { since }),
  };
}

/** A job has ended when Podium says so of its story, or when nothing of it ever ran. */
function viewOf(job: Job, terminalStatuses: ReadonlySet<string>): JobView {
  const neverRan = job.status === "failed" || job.status === "rejected";
  return {
    jobId: job.job_id,
    ...(job.story_id !== undefined && { storyId: job.story_id }),
    ...(job.last_event !== undefined && { lastFrame: job.last_event }),
    ended: neverRan || (job.podium_status !== undefined && terminalStatuses.has(job.podium_status)),
  };
}
