import { afterEach, expect, test } from "bun:test";
import type { Counter } from "./counter.ts";
import { openCounter } from "./counter.ts";

const allowed = "http://panel.test:5173";
const counters: Counter[] = [];
async function open(): Promise<Counter> {
  const guard = { host: "127.0.0.1", allowedHosts: [], allowedOrigins: [allowed] };
  const counter = await openCounter({ guard });
  counters.push(counter);
  return counter;
}
afterEach(async () => {
  for (const { desk } of counters.splice(0)) await desk.close();
});

const preflight = (origin: string) => ({
  method: "OPTIONS",
  headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
});
const corsHeaders = (response: Response): string[] =>
  [...response.headers.keys()].filter((name) => name.startsWith("access-control-"));

test("a page of an allowed origin may ask, dispatch and read", async () => {
  const { ask, dispatch } = await open();
  const asked = await ask("/api/orchestrator/dispatch", preflight(allowed));
  expect(asked.status).toBe(204);
  expect(asked.headers.get("access-control-allow-origin")).toBe(allowed);
  expect(asked.headers.get("access-control-allow-headers")).toContain("idempotency-key");
  const refused = await dispatch({ action: "fly" }, { origin: allowed });
  expect(refused.headers.get("access-control-allow-origin")).toBe(allowed);
  expect(refused.headers.get("vary")).toContain("origin");
  expect(refused.headers.get("access-control-allow-credentials")).toBeNull();
});

test.each([
  [404, "GET", "/api/orchestrator/nothing"],
  [405, "GET", "/api/orchestrator/dispatch"],
  [404, "GET", "/api/orchestrator/status/JOB-20260109-001"],
])("a page of an allowed origin may read a %d, too: %s %s", async (status, method, path) => {
  const { ask } = await open();
  const answer = await ask(path, { method, headers: { origin: allowed } });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("access-control-allow-origin")).toBe(allowed);
  expect(answer.headers.get("vary")).toContain("origin");
  expect(await answer.json()).toMatchObject({ success: false, code: expect.any(String) });
});

test.each(["http://evil.test", "null", "http://localhost:8000", `${allowed}0`, allowed.replace("http", "https")])(
  "a page of %s gets no CORS header",
  async (origin) => {
    const { ask } = await open();
    for (const init of [preflight(origin), { headers: { origin } }]) {
      expect(corsHeaders(await ask("/api/session", init))).toEqual([]);
    }
  },
);

test("an allowed origin under another's Host gets nothing", async () => {
  const { ask } = await open();
  const { method, headers } = preflight(allowed);
  const response = await ask("/health", { method, headers: { ...headers, host: "evil.test" } });
  expect(response.status).toBe(403);
  expect(corsHeaders(response)).toEqual([]);
});
