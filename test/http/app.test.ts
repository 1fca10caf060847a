import { afterEach, expect, test } from "bun:test";
import { operations } from "../../src/wire/operations.ts";
import { problemSchema } from "../../src/wire/problem.ts";
import { said, timedOut, yes } from "../dispatch/scripted-podium.ts";
import type { Counter } from "./counter.ts";
import { openCounter } from "./counter.ts";

const counters: Counter[] = [];
async function open(...args: Parameters<typeof openCounter>): Promise<Counter> {
  const counter = await openCounter(...args);
  counters.push(counter);
  return counter;
}
afterEach(async () => {
  for (const { desk } of counters.splice(0)) await desk.close();
});

const story = { action: "enqueue_story", payload: { story_id: "STORY-001" } };

/** A problem document as the contract has it, and nothing left of it unread. */
async function problemOf(response: Response) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("referrer-policy")).toBe("no-referrer");
  const document = problemSchema.loose().parse(await response.json());
  expect(document.status).toBe(response.status);
  return document;
}

test("a dispatch is answered as the contract says, with the stream's address built from the request's Host", async () => {
  const { desk, dispatch } = await open();
  desk.podium.rule = () => said(200, '{"success":true}');
  const response = await dispatch(story, { host: "roxy.localhost.:8000", "x-nothing": "1" }).catch(() => undefined);
  expect(response?.status).toBe(403);
  const answer = (await (await dispatch(story, { host: "127.0.0.1:9123" })).json()) as Record<string, unknown>;
  expect(answer).toEqual({
    success: true,
    job_id: "JOB-20260109-001",
    status: "queued",
    audit_id: expect.stringMatching(/^AUD-[0-9A-Z]{26}$/),
    stream_url: "ws://127.0.0.1:9123/api/orchestrator/stream/JOB-20260109-001",
    receipt: { seq: expect.any(Number), hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    podium_result: { success: true },
  });
});

test("Podium's JSON reaches the caller byte for byte, in the answer, the replay, the job and the status", async () => {
  const { desk, dispatch, ask } = await open();
  const odd = '{ "b":1.0, "2":-0, "1":12345678901234567890, "x":"\\u00e4\\/", "b":2 }';
  desk.podium.rule = () => said(200, odd);
  const first = await (await dispatch(story, { "idempotency-key": "k" })).text();
  const second = await dispatch(story, { "idempotency-key": "k" });
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  const job = await (await ask("/api/orchestrator/status/JOB-20260109-001")).text();
  const status = await (await ask("/api/orchestrator/status")).text();
  for (const text of [first, await second.text(), job]) expect(text).toContain(`"podium_result":${odd}`);
  expect(status).toContain(`"podium":${odd}`);
});

test("an answer that is too long for the log is null from then on, and the job says how long it was", async () => {
  const { desk, dispatch, ask } = await open();
  const long = JSON.stringify({ list: "x".repeat(200_000) });
  const [first, second] = [long, "null"];
  desk.podium.rule = ({ request }) => said(200, request.body?.includes("STORY-002") ? second : first);
  const jobOf = async (story_id: string): Promise<object> => {
    const body = { action: "enqueue_story", payload: { story_id } };
    const key = { "idempotency-key": story_id };
    const { job_id } = (await (await dispatch(body, key)).json()) as { job_id: string };
    expect(await (await dispatch(body, key)).json()).toHaveProperty("podium_result", null);
    const job = await (await ask(`/api/orchestrator/status/${job_id}`)).json();
    return operations.job.answer.schema.strict().parse(job);
  };
  expect(await jobOf("STORY-001")).toMatchObject({ podium_result: null, podium_result_bytes: long.length });
  const told = await jobOf("STORY-002");
  expect(told).toHaveProperty("podium_result", null);
  expect(told).not.toHaveProperty("podium_result_bytes");
});

test.each([
  ["not JSON", "{", {}, 400, "invalid_request", "never"],
  ["an empty body", "", {}, 400, "invalid_request", "never"],
  ["an unknown action", '{"action":"fly"}', {}, 400, "invalid_request", "never"],
  [
    "a key of 256 characters",
    '{"action":"halt"}',
    { "idempotency-key": "k".repeat(256) },
    400,
    "invalid_request",
    "never",
  ],
  ["an empty key", '{"action":"halt"}', { "idempotency-key": "" }, 400, "invalid_request", "never"],
  ["a body past the bound", JSON.stringify({ a: "x".repeat(70_000) }), {}, 413, "too_large", "never"],
  ["another content type", "{}", { "content-type": "text/plain" }, 415, "unsupported_media_type", "never"],
])("%s is refused, and leaves log and Podium as they were", async (_name, body, headers, status, code, retry) => {
  const { desk, dispatch } = await open();
  const before = desk.records().length;
  const problem = await problemOf(await dispatch(body, headers));
  expect([problem.status, problem.code, problem.retry]).toEqual([status, code as "too_large", retry as "never"]);
  expect([desk.records().length, desk.podium.received.length]).toEqual([before, 0]);
});

test("a body that never ends is refused, and not read for ever", async () => {
  const { ask } = await open();
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(1_048_576));
    },
  });
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: endless, duplex: "half" };
  const problem = await problemOf(await ask("/api/orchestrator/dispatch", init));
  expect(problem.code).toBe("too_large");
  // Passed over for a while, so that the client hears why; kept is nothing.
  expect(pulled).toBeLessThan(40);
});

test("limits answer with Retry-After and the RateLimit fields", async () => {
  const { desk, dispatch } = await open({}, { dispatchPerMinute: 1 });
  desk.podium.rule = () => yes;
  await dispatch(story);
  const cooling = await dispatch(story);
  expect([cooling.headers.get("retry-after"), (await problemOf(cooling)).code]).toEqual(["5", "story_cooldown"]);
  const limited = await dispatch({ ...story, payload: { story_id: "STORY-002" } });
  expect(limited.headers.get("retry-after")).toBe("60");
  expect(limited.headers.get("ratelimit-policy")).toBe('"dispatch";q=1;w=60');
  expect(limited.headers.get("ratelimit")).toBe('"dispatch";r=0;t=60');
  expect((await problemOf(limited)).retry).toBe("safe");
});

test("a silent Podium is 504 with the ids, and says same-key", async () => {
  const { desk, dispatch, ask } = await open();
  desk.podium.rule = () => timedOut;
  const problem = await problemOf(await dispatch(story));
  expect(problem).toMatchObject({ status: 504, code: "podium_timeout", retry: "same-key", job_id: "JOB-20260109-001" });
  const status = await problemOf(await ask("/api/orchestrator/status"));
  expect(status).toMatchObject({ code: "podium_timeout", retry: "safe", gateway: { version: "0.0.0" } });
});

test("what is not there is 404, what is there under another method is 405", async () => {
  const { ask } = await open();
  for (const path of ["/nothing", "/api/orchestrator/", "/api/orchestrator/dispatch/x"]) {
    expect((await problemOf(await ask(path))).code).toBe("not_found");
  }
  expect((await problemOf(await ask("/api/orchestrator/dispatch"))).code).toBe("method_not_allowed");
  expect((await problemOf(await ask("/health", { method: "DELETE" }))).code).toBe("method_not_allowed");
});

test("a job that is not there is 404, one that can't be is 400, one of a pruned day says so", async () => {
  const { ask } = await open();
  const detail = async (id: string) => problemOf(await ask(`/api/orchestrator/status/${id}`));
  expect(await detail("JOB-20260109-999")).toMatchObject({ code: "not_found" });
  expect(await detail("STORY-001")).toMatchObject({ code: "invalid_request", errors: [{ pointer: "/job_id" }] });
  expect((await detail("JOB-20250101-001")).detail).toContain("no longer kept");
});

test("a job of a day before the log's own beginning is not called pruned", async () => {
  const archive = { firstDay: () => "2026-01-02", holdsBeginning: () => true, find: () => Promise.resolve(undefined) };
  const { ask } = await open({ archive: { ...archive, list: () => Promise.resolve({ jobs: [] }) } });
  const problem = await problemOf(await ask("/api/orchestrator/status/JOB-20250101-001"));
  expect(problem.detail).toBe("No job JOB-20250101-001 is in the audit log, which begins on 2026-01-02");
});

test("a fault of ours is a problem document without its words, and the log has them", async () => {
  const words: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn() {},
    always() {},
    error: (_event: string, fields = {}) => words.push(JSON.stringify(fields)),
  };
  const { ask } = await open({
    log,
    gateway: () => {
      throw new TypeError("secret inside");
    },
  });
  const problem = await problemOf(await ask("/ready"));
  expect([problem.code, problem.retry]).toEqual(["internal_error", "same-key"]);
  expect(problem.detail).not.toContain("secret");
  expect(words.join()).toContain("secret inside");
});

// RFC 9110 section 15.5.6: a 405 must say in Allow what the resource does take.
test("a 405 says which methods are allowed", async () => {
  const { ask } = await open();
  expect((await ask("/api/orchestrator/dispatch")).headers.get("allow")).toBe("POST");
});

// Only paths without a parameter are known to the 405: under a job's address another method is called "not found".
test("another method at a job's address is 405 too", async () => {
  const { ask } = await open();
  const response = await ask("/api/orchestrator/status/JOB-20260109-001", { method: "POST" });
  expect(response.status).toBe(405);
});

test("a replayed refusal says that it is a replay", async () => {
  const { desk, dispatch } = await open();
  desk.podium.rule = () => said(409, "{}");
  await dispatch(story, { "idempotency-key": "k" });
  const again = await dispatch(story, { "idempotency-key": "k" });
  expect(again.headers.get("idempotency-replayed")).toBe("true");
});

// Minus zero is an integer to the request's schema and none to the audit log, so valid input ends as 503.
test("an option that the log can't record is refused as input", async () => {
  const { dispatch } = await open();
  const body = '{"action":"enqueue_story","payload":{"story_id":"STORY-001","options":{"a":-0}}}';
  expect((await problemOf(await dispatch(body))).code).toBe("invalid_request");
});
