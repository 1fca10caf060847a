import { createApp } from "../../src/http/app.ts";
import type { AppDeps } from "../../src/http/app.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Connection } from "../../src/runtime/types.ts";
import type { Desk, DeskOptions } from "../dispatch/desk.ts";
import { openDesk } from "../dispatch/desk.ts";

export interface Counter {
  readonly desk: Desk;
  /** Sends a request as it would arrive, with our own Host unless another is given. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** A dispatch with this body, or these bytes. */
  dispatch(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
}

const connection: Connection = {
  remoteAddress: "127.0.0.1",
  signal: new AbortController().signal,
  upgrade: () => undefined,
};

/** What a test has no use for says so when it is used after all. */
function unused(name: string): never {
  return new Proxy({} as never, {
    get: () => {
      throw new Error(`${name} is not part of this test`);
    },
  });
}

/** The HTTP side over a real pipeline, a real log and a scripted Podium; no socket. */
export async function openCounter(changes: Partial<AppDeps> = {}, options?: DeskOptions): Promise<Counter> {
  const desk = await openDesk(options);
  const app = createApp({
    jwks: () => Promise.resolve({ keys: [] }),
    dispatch: desk.deps,
    bodyBytesMax: () => 65_536,
    archive: {
      find: (jobId) => Promise.resolve(desk.jobs.get(jobId)),
      list: () => Promise.resolve({ jobs: [] }),
      firstDay: () => "2026-01-02",
      holdsBeginning: () => false,
    },
    evidence: unused("evidence"),
    head: () => desk.log.head,
    checkpointSize: () => 0,
    panel: {},
    neighbours: () => Promise.resolve([]),
    podiumStatus: () => desk.podium.send({ method: "GET", path: "/api/status" }, undefined),
    gateway: () => ({ version: "0.0.0" }),
    notReady: () => undefined,
    stream: unused("stream"),
    jobs: desk.jobs,
    jobWatch: desk.jobWatch,
    log: silentLog,
    guard: { host: "127.0.0.1", allowedHosts: [], allowedOrigins: [] },
    ...changes,
  });
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (!headers.has("host")) headers.set("host", "localhost:8000");
    return app.fetch(new Request(`http://localhost:8000${path}`, { ...init, headers }), { connection });
  };
  return {
    desk,
    ask,
    dispatch: (body, headers = {}) =>
      ask("/api/orchestrator/dispatch", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
  };
}
