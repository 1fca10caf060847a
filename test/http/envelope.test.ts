import { afterEach, expect, test } from "bun:test";
import { createLog } from "../../src/lib/log.ts";
import { traceHeaders, traceOf } from "../../src/lib/trace.ts";
import { said } from "../dispatch/scripted-podium.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import type { Counter } from "./counter.ts";
import { openCounter } from "./counter.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const counters: Counter[] = [];
async function open(...args: Parameters<typeof openCounter>): Promise<Counter> {
  const counter = await openCounter(...args);
  counters.push(counter);
  return counter;
}
afterEach(async () => {
  for (const { desk } of counters.splice(0)) await desk.close();
});

test("a request's id comes back, is recorded, and goes on to Podium with the caller's trace", async () => {
  const { desk, dispatch } = await open();
  desk.podium.rule = () => said(200, '{"success":true}');
  const headers = { "x-request-id": "req/42", traceparent, tracestate: "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE" };
  const response = await dispatch({ action: "halt" }, headers);
  expect(response.headers.get("x-request-id")).toBe("req/42");
  const intent = desk.records().find(({ event }) => event === "intent");
  expect(intent).toMatchObject({ request_id: "req/42", traceparent });
  const sent = desk.podium.received.at(-1)!.request.headers!;
  expect(sent["x-request-id"]).toBe("req/42");
  expect(sent["tracestate"]).toBe("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  expect(JSON.stringify(desk.records())).not.toContain("congo");
  expect(sent["traceparent"]).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/);
});

test.each(["", "x".repeat(129), 'a"b', "a b", "ü", "-leads"])(
  "the id %p is not repeated: the request gets one of ours",
  async (given) => {
    const { ask } = await open();
    const headers = given === "ü" ? {} : { "x-request-id": given };
    expect((await ask("/nowhere", { headers })).headers.get("x-request-id")).toMatch(/^REQ-[0-9A-Z]{26}$/);
  },
);

test.each([
  "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
  "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
  "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  `${traceparent}-more`,
  traceparent.toUpperCase(),
  "nonsense",
])("%p is no traceparent and dropped", (given) => {
  expect(traceOf(undefined, given, 0).traceparent).toBeUndefined();
  expect(traceHeaders(traceOf("a", given, 0))).toEqual({ "x-request-id": "a" });
});

test("a later version's extra fields are left off", () => {
  expect(traceOf("a", `01${traceparent.slice(2)}-more`, 0).traceparent).toBe(`01${traceparent.slice(2)}`);
});

test("one line for each request at debug, without the query, forged by nobody", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "json", clock: new FakeClock(), write: (line) => lines.push(line) });
  const { ask } = await open({ log });
  await ask("/nowhere%0a%1b[2J?token=secret", { headers: { "x-request-id": "r1" } });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain("secret");
  // oxlint-disable-next-line no-control-regex
  expect(lines[0]).not.toMatch(/[\u0000-\u001f]/);
  expect(JSON.parse(lines[0]!)).toMatchObject({ event: "request", request_id: "r1", status: 404, code: "not_found" });
});

test("at info a request leaves no line", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", format: "json", clock: new FakeClock(), write: (line) => lines.push(line) });
  const { ask } = await open({ log });
  await ask("/health");
  expect(lines).toEqual([]);
});

test("every answer is counted with its code, and every dispatch with its outcome", async () => {
  const answers: unknown[] = [];
  const dispatches: unknown[] = [];
  const stages: string[] = [];
  const { desk, ask, dispatch } = await open({
    onAnswer: (...answer) => void answers.push(answer),
    onDispatch: (action, outcome) => void dispatches.push([action, outcome]),
  });
  Object.assign(desk.deps, { onStage: (stage: string) => void stages.push(stage) });
  desk.podium.rule = () => said(200, '{"success":true}');
  await ask("/health");
  await dispatch({ action: "halt" });
  await dispatch("not JSON");
  expect(answers).toEqual([
    ["GET", 200, undefined],
    ["POST", 200, undefined],
    ["POST", 400, "invalid_request"],
  ]);
  expect(dispatches).toEqual([
    ["halt", "queued"],
    ["none", "invalid_request"],
  ]);
  expect(stages).toEqual(["audit_intent", "wait", "sign", "podium", "audit_outcome"]);
});

test("a replay is counted as one, also of a refusal, which was counted when it was made", async () => {
  const outcomes: string[] = [];
  const { desk, dispatch } = await open({ onDispatch: (_, outcome) => void outcomes.push(outcome) });
  desk.podium.rule = () => said(200, '{"success":false,"error":"no such story"}');
  const body = { action: "enqueue_story", payload: { story_id: "S-1" } };
  const answers = [
    await dispatch(body, { "idempotency-key": "k" }),
    await dispatch(body, { "idempotency-key": "k" }),
    await dispatch({ ...body, source: "other" }, { "idempotency-key": "k" }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([502, 502, 422]);
  expect(outcomes).toEqual(["podium_rejected", "replayed", "idempotency_mismatch"]);
});

test("no answer may be run, framed, embedded or kept", async () => {
  const { ask } = await open();
  for (const path of ["/health", "/nowhere", "/ready"]) {
    const { headers } = await ask(path);
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    expect(headers.get("cache-control")).toBe("no-store");
  }
});
