import { afterEach, describe, expect, test } from "bun:test";
import { apiRequest, createClient, hrefOf, UnexpectedAnswer } from "roxy-core/client";
import type { ApiClient, ApiRequest, ApiResponse } from "roxy-core/client";
import { said } from "../dispatch/scripted-podium.ts";
import type { Counter } from "../http/counter.ts";
import { openCounter } from "../http/counter.ts";

let counter: Counter | undefined;
afterEach(async () => counter?.desk.close());

async function open(): Promise<{ client: ApiClient; sent: ApiRequest[] }> {
  const { desk, ask } = (counter = await openCounter());
  desk.podium.rule = () => said(200, '{"success":true}');
  const sent: ApiRequest[] = [];
  const client = createClient(async (request) => {
    sent.push(request);
    const response = await ask(request.path, request);
    const contentType = response.headers.get("content-type") ?? "";
    return { status: response.status, contentType, text: await response.text() };
  });
  return { client, sent };
}

describe("the typed client", () => {
  test("dispatches, and reads what became of it, with the types of the server's own schemas", async () => {
    const { client } = await open();
    const body = { action: "enqueue_story", payload: { story_id: "S-1" } } as const;
    const made = await client.post("/api/orchestrator/dispatch", { body, idempotencyKey: "k1" });
    if (!made.ok) throw new Error(made.problem.detail);
    const { job_id: jobId, receipt } = made.data;
    const seq: number = receipt.seq;
    const job = await client.get("/api/orchestrator/status/{job_id}", { params: { job_id: jobId } });
    if (!job.ok) throw new Error(job.problem.detail);
    expect([job.data.status, job.data.receipt.seq]).toEqual(["queued", seq]);
    const jobs = await client.get("/api/orchestrator/jobs", {
      query: { action: "enqueue_story", limit: 5, user: undefined },
    });
    if (!jobs.ok) throw new Error(jobs.problem.detail);
    expect(jobs.data.jobs.map(({ job_id }) => job_id)).toBeArray();
  });

  test("a refusal is a problem with its code and whether to retry", async () => {
    const { client } = await open();
    const answer = await client.get("/api/orchestrator/status/{job_id}", { params: { job_id: "a/../b c" } });
    expect(answer).toMatchObject({ ok: false, problem: { code: "invalid_request", retry: "never" } });
  });

  test("a job that failed is an answer, though it carries a code", async () => {
    const { client } = await open();
    counter!.desk.podium.rule = () => said(400, '{"error":"no"}');
    const body = { action: "enqueue_story", payload: { story_id: "S-1" } } as const;
    const refused = await client.post("/api/orchestrator/dispatch", { body });
    if (refused.ok) throw new Error("a refusal");
    const job = await client.get("/api/orchestrator/status/{job_id}", { params: { job_id: refused.problem.job_id! } });
    expect(job).toMatchObject({ ok: true, data: { code: "podium_rejected" } });
  });

  test("not ready is an answer, numbers are text, and what is not ours is said so", async () => {
    const { client } = await open();
    expect(await client.get("/health")).toMatchObject({ ok: true, data: { status: "ok" } });
    const says = (response: ApiResponse) => createClient(() => Promise.resolve(response));
    const notReady = {
      status: 503,
      contentType: "application/json",
      text: '{"success":false,"reason":"x","gateway":{}}',
    };
    expect(await says(notReady).get("/ready")).toMatchObject({ ok: true, data: { success: false, reason: "x" } });
    const numbers = { status: 200, contentType: "text/plain; version=0.0.4", text: "roxy_ready 1\n" };
    expect(await says(numbers).get("/metrics")).toMatchObject({ ok: true, data: "roxy_ready 1\n" });
    const stranger = { status: 502, contentType: "text/html", text: "<h1>Bad gateway</h1>" };
    expect(says(stranger).get("/health")).rejects.toBeInstanceOf(UnexpectedAnswer);
  });

  test("paths, parameters, queries and bodies that the API does not have do not compile", () => {
    // @ts-expect-error: no such path
    apiRequest("get", "/api/orchestrator/story");
    // @ts-expect-error: a GET that is a POST
    apiRequest("get", "/api/orchestrator/dispatch");
    // @ts-expect-error: a parameter is missing
    apiRequest("get", "/api/orchestrator/status/{job_id}");
    // @ts-expect-error: no such query
    apiRequest("get", "/api/orchestrator/jobs", { query: { page: 1 } });
    // @ts-expect-error: an action that there is not
    apiRequest("post", "/api/orchestrator/dispatch", { body: { action: "fly" } });
    // @ts-expect-error: a story that is not named
    apiRequest("post", "/api/orchestrator/dispatch", { body: { action: "enqueue_story", payload: {} } });
    // @ts-expect-error: a stream has no single answer
    apiRequest("get", "/api/orchestrator/events");
  });

  test("requests are what the server reads, streams' addresses included", () => {
    const request = apiRequest("post", "/api/orchestrator/dispatch", { body: { action: "halt" }, idempotencyKey: "k" });
    expect(request).toEqual({
      method: "POST",
      path: "/api/orchestrator/dispatch",
      headers: { accept: "application/json", "content-type": "application/json", "idempotency-key": "k" },
      body: '{"action":"halt"}',
    });
    expect(hrefOf("/api/orchestrator/events/{job_id}", { params: { job_id: "J/1" }, query: { types: "A,B" } })).toBe(
      "/api/orchestrator/events/J%2F1?types=A%2CB",
    );
  });
});
