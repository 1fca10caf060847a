import type { Context } from "hono";
import { Hono } from "hono";
import { Problem } from "../lib/errors.ts";
import type { Job } from "../jobs/job.ts";
import type { JobStore } from "../jobs/store.ts";
import type { JobWatch } from "../jobs/watch.ts";
import type { PeerHandlers } from "../runtime/types.ts";
import type { StreamContext, Wish } from "../stream/client.ts";
import { streamClient } from "../stream/client.ts";
import type { Render } from "../stream/render.ts";
import { renderEnvelope, renderPlain, renderServerSent } from "../stream/render.ts";
import { serverSentResponse } from "../stream/server-sent.ts";
import type { HttpEnv } from "./app.ts";
import { viewOf } from "./job-view.ts";
import type { JobRouteDeps } from "./jobs.ts";
import { requireJob } from "./jobs.ts";

export interface StreamRouteDeps extends JobRouteDeps {
  readonly stream: StreamContext;
  readonly jobs: Pick<JobStore, "get">;
  readonly jobWatch: JobWatch;
}

/** `WS …/stream[/{job_id}]` and `GET …/events[/{job_id}]`: Podium's frames, unchanged, with one cursor for both. */
export function streamRoutes({ stream, archive, jobs, jobWatch }: StreamRouteDeps): Hono<HttpEnv> {
  const viewed = async (c: Context<HttpEnv>, jobId: string): Promise<Wish> => {
    const job = await requireJob(archive, jobId);
    const now = (): Job => jobs.get(jobId) ?? job;
    return { ...wishOf(c), job: viewOf(now, jobWatch, stream.terminalStatuses) };
  };
  return new Hono<HttpEnv>()
    .get("/api/orchestrator/stream", (c) => webSocket(c, stream, wishOf(c)))
    .get("/api/orchestrator/stream/:job_id", async (c) => webSocket(c, stream, await viewed(c, c.req.param("job_id"))))
    .get("/api/orchestrator/events", (c) => serverSent(c, stream, wishOf(c)))
    .get("/api/orchestrator/events/:job_id", async (c) =>
      serverSent(c, stream, await viewed(c, c.req.param("job_id"))),
    );
}

function webSocket(c: Context<HttpEnv>, stream: StreamContext, wish: Wish): Response {
  const leave = stream.clients.admit(c.env.connection.remoteAddress);
  const handlers = leaving(streamClient(stream, wish, renderOf(c, stream)), leave);
  const response = c.env.connection.upgrade(handlers);
  if (response) return response;
  leave();
  throw new Problem("invalid_request", "This is a WebSocket: connect with an Upgrade request", {
    headers: { upgrade: "websocket" },
  });
}

function serverSent(c: Context<HttpEnv>, stream: StreamContext, wish: Wish): Response {
  // Hono answers HEAD through this handler and throws the body away, which nobody would then ever close.
  if (c.req.method === "HEAD") return new Response(null, { headers: { "content-type": "text/event-stream" } });
  const lastEventId = c.req.header("last-event-id");
  // An EventSource comes back after every end; 204 is how it is told to stay away (WHATWG HTML, section 9.2.3).
  if (wish.job?.ending() && lastEventId !== undefined) return new Response(null, { status: 204 });
  const leave = stream.clients.admit(c.env.connection.remoteAddress);
  const since = lastEventId ?? wish.since;
  const resumed = since === undefined ? wish : { ...wish, since };
  const render = renderServerSent(stream.hub, renderOf(c, stream));
  return serverSentResponse(leaving(streamClient(stream, resumed, render), leave));
}

/** The client's place is given back when its connection ends, however it ends. */
function leaving(handlers: PeerHandlers, leave: () => void): PeerHandlers {
  return {
    ...handlers,
    close(peer, code) {
      leave();
      handlers.close(peer, code);
    },
  };
}

function renderOf(c: Context<HttpEnv>, { hub }: StreamContext): Render {
  return c.req.query("envelope") === "1" ? renderEnvelope(hub) : renderPlain;
}

function wishOf(c: Context<HttpEnv>): Wish {
  const types = c.req.query("types");
  const since = c.req.query("since");
  const pass = c.get("pass");
  return {
    ...(pass && { pass }),
    ...(types !== undefined && { types: new Set(types.split(",").filter((type) => type !== "")) }),
    ...(since !== undefined && { since }),
  };
}
