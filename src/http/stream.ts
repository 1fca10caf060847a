import type { Context } from "hono";
import { Hono } from "hono";
import { Problem } from "../lib/errors.ts";
import type { Job } from "../jobs/job.ts";
import type { JobStore } from "../jobs/store.ts";
import type { JobWatch } from "../jobs/watch.ts";
import type { PeerHandlers } from "../runtime/types.ts";
import type { StreamContext, Wish } from "../stream/client.ts";
import { streamClient } from "../stream/client.ts";
import { hasHeardEnd } from "../stream/hub.ts";
import type { Render } from "../stream/render.ts";
import { renderEnvelope, renderPlain, renderServerSent } from "../stream/render.ts";
import { serverSentResponse } from "../stream/server-sent.ts";
import { parseQuery } from "../wire/query.ts";
import { streamQuerySchema } from "../wire/stream.ts";
import type { HttpEnv } from "./app.ts";
import { callerOf } from "./caller.ts";
import { viewOf } from "./job-view.ts";
import type { JobRouteDeps } from "./jobs.ts";
import { requireJob } from "./jobs.ts";

export interface StreamRouteDeps extends JobRouteDeps {
  readonly stream: StreamContext;
  readonly jobs: Pick<JobStore, "get">;
  readonly jobWatch: JobWatch;
}

/** A client's wish, and how its frames are written. */
interface Asked extends Wish {
  readonly envelope: boolean;
}

/** `WS …/stream[/{job_id}]` and `GET …/events[/{job_id}]`: Podium's frames, unchanged, with one cursor for both. */
export function streamRoutes({ stream, archive, jobs, jobWatch }: StreamRouteDeps): Hono<HttpEnv> {
  const viewed = async (c: Context<HttpEnv>, jobId: string): Promise<Asked> => {
    const wish = wishOf(c);
    const job = await requireJob(archive, jobId, callerOf(c));
    const now = (): Job => jobs.get(jobId) ?? job;
    return { ...wish, job: viewOf(now, jobWatch, stream.terminalStatuses) };
  };
  return new Hono<HttpEnv>()
    .get("/api/orchestrator/stream", (c) => webSocket(c, stream, wishOf(c)))
    .get("/api/orchestrator/stream/:job_id", async (c) => webSocket(c, stream, await viewed(c, c.req.param("job_id"))))
    .get("/api/orchestrator/events", (c) => serverSent(c, stream, wishOf(c)))
    .get("/api/orchestrator/events/:job_id", async (c) =>
      serverSent(c, stream, await viewed(c, c.req.param("job_id"))),
    );
}

function webSocket(c: Context<HttpEnv>, stream: StreamContext, wish: Asked): Response {
  const leave = stream.clients.admit(c.env.connection.remoteAddress);
  const handlers = leaving(streamClient(stream, wish, renderOf(wish, stream)), leave);
  const response = c.env.connection.upgrade(handlers);
  if (response) return response;
  leave();
  throw new Problem("invalid_request", "This is a WebSocket: connect with an Upgrade request", {
    headers: { upgrade: "websocket" },
  });
}

function serverSent(c: Context<HttpEnv>, stream: StreamContext, wish: Asked): Response {
  // Hono answers HEAD through this handler and throws the body away, which nobody would then ever close.
  if (c.req.method === "HEAD") return new Response(null, { headers: { "content-type": "text/event-stream" } });
  const lastEventId = c.req.header("last-event-id");
  // An EventSource comes back after every end; 204 is how it is told to stay away (WHATWG HTML, section 9.2.3). One that
  // lost its connection before the end has it still to hear.
  if (wish.job?.ending() && lastEventId !== undefined && hasHeardEnd(lastEventId))
    return new Response(null, { status: 204 });
  const leave = stream.clients.admit(c.env.connection.remoteAddress);
  const since = lastEventId ?? wish.since;
  const resumed = since === undefined ? wish : { ...wish, since };
  const render = renderServerSent(stream.hub, renderOf(wish, stream));
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

function renderOf({ envelope }: Asked, { hub }: StreamContext): Render {
  return envelope ? renderEnvelope(hub) : renderPlain;
}

/** @throws Problem `invalid_request` */
function wishOf(c: Context<HttpEnv>): Asked {
  const { types, since, envelope } = parseQuery(streamQuerySchema, c.req.queries());
  const pass = c.get("pass");
  return {
    ...(pass && { pass }),
    ...(types !== undefined && { types: new Set(types.split(",").filter((type) => type !== "")) }),
    ...(since !== undefined && { since }),
    envelope: envelope !== undefined,
  };
}
