import { afterEach, expect, test } from "bun:test";
import type { GuardOptions } from "../../src/http/guard.ts";
import type { Counter } from "./counter.ts";
import { openCounter } from "./counter.ts";

let counter: Counter | undefined;
afterEach(async () => counter?.desk.close());

const halt = JSON.stringify({ action: "halt" });
const ours: GuardOptions = {
  host: "127.0.0.1",
  allowedHosts: ["roxy.lan", "box:9000"],
  allowedOrigins: ["http://panel.lan"],
};

async function post(headers: Readonly<Record<string, string>>, guard = ours): Promise<Response> {
  counter = await openCounter({ guard });
  counter.desk.podium.rule = () => ({ kind: "accepted", httpStatus: 200, json: "{}" });
  const all = { "content-type": "application/json", ...headers };
  return counter.ask("/api/orchestrator/dispatch", { method: "POST", headers: all, body: halt });
}

test.each([
  "localhost",
  "localhost:8000",
  "LOCALHOST:8000",
  "localhost.",
  "localhost.:8000",
  "127.0.0.1:8000",
  "[::1]:8000",
  "[::1]",
  "roxy.lan:8000",
  "Roxy.LAN",
  "box:9000",
])("the Host %s is ours", async (host) => {
  expect((await post({ host })).status).toBe(200);
});

test.each([
  "evil.example",
  "evil.example:8000",
  "localhost.evil.example",
  "evil-localhost",
  "localhost@evil.example",
  "127.0.0.1.evil.example",
  "127.0.0.2:8000",
  "localhost:8000:8000",
  "localhost:",
  "localhost..",
  "::1",
  "[::1",
  "box:9001",
  " ",
])("the Host %p is not, and nothing is executed or recorded", async (host) => {
  const response = await post({ host });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([403, "forbidden_host"]);
  expect(counter!.desk.podium.received).toEqual([]);
  expect(counter!.desk.records().filter(({ event }) => event === "intent")).toEqual([]);
});

test("an IPv6 address that we listen on is ours in brackets", async () => {
  const guard = { ...ours, host: "fd00::7" };
  expect((await post({ host: "[fd00::7]:8000" }, guard)).status).toBe(200);
});

test.each([
  ["our own page", "http://localhost:8000"],
  ["our own page behind TLS", "https://localhost:8000"],
  ["an allowed one", "http://panel.lan"],
])("a command from %s is taken", async (_name, origin) => {
  expect((await post({ host: "localhost:8000", origin })).status).toBe(200);
});

test.each([
  "null",
  "http://evil.example",
  "http://localhost:3000",
  "http://localhost",
  "http://panel.lan:81",
  "http://panel.lan.evil.example",
  "http://localhost:8000.evil.example",
  "http://evil-localhost:8000",
  "localhost:8000",
  "file://",
  "",
])("a command from a page of %p is refused and not executed", async (origin) => {
  const response = await post({ host: "localhost:8000", origin });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([403, "forbidden_origin"]);
  expect(counter!.desk.podium.received).toEqual([]);
});

test.each<[string, Record<string, string>, number]>([
  ["an image or a script on another site's page", { "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }, 403],
  [
    "another site's page by fetch",
    { "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", origin: "http://evil.lan" },
    403,
  ],
  ["another site's page by event stream", { "sec-fetch-mode": "cors", origin: "null" }, 403],
  ["a frame on another site's page", { "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }, 403],
  ["a link on another site", { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }, 200],
  ["an allowed page", { "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", origin: "http://panel.lan" }, 200],
  ["our own page", { "sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors" }, 200],
  ["no browser", { "sec-fetch-site": "" }, 200],
])("what %s asks for", async (_name, metadata, status) => {
  counter = await openCounter({ guard: ours });
  const headers = { host: "localhost:8000", "sec-fetch-site": "cross-site", ...metadata };
  const response = await counter.ask("/api/orchestrator/jobs", { headers });
  expect(response.status).toBe(status);
});

test.each(["POST", "PUT", "PATCH", "DELETE"])("a stranger's page changes nothing by %s", async (method) => {
  counter = await openCounter({ guard: ours });
  const headers = { host: "localhost:8000", origin: "http://evil.example" };
  const response = await counter.ask("/api/session", { method, headers });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([403, "forbidden_origin"]);
});

test("a WebSocket from a stranger's page is refused, though it is a GET", async () => {
  counter = await openCounter({ guard: ours });
  const headers = { upgrade: "websocket", connection: "Upgrade", origin: "http://evil.example" };
  const response = await counter.ask("/api/orchestrator/stream", { headers });
  expect(response.status).toBe(403);
});

test("a stranger's page may ask, but no answer allows it to read", async () => {
  counter = await openCounter({ guard: ours });
  const response = await counter.ask("/api", { headers: { origin: "http://evil.example" } });
  expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([200, null]);
});

test("a form post, which needs no preflight, is not taken", async () => {
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/jsonx",
    "",
  ]) {
    const response = await post({ host: "localhost:8000", "content-type": type });
    expect(response.status).toBe(415);
    await counter!.desk.close();
  }
});
