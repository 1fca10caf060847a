import { expect, test } from "bun:test";
import { Evidence } from "../../src/audit/evidence.ts";
import type { AppDeps } from "../../src/http/app.ts";
import { exitCodes, Fatal } from "../../src/lib/errors.ts";
import { Scans } from "../../src/audit/scans.ts";
import { said } from "../dispatch/scripted-podium.ts";
import { assertContract } from "../e2e/contract.ts";
import { openCounter } from "./counter.ts";
import { runtime } from "../../src/runtime/bun.ts";

/** Refusals that are seldom seen are in the contract, too. */

type Json = { readonly [key: string]: unknown };

/** Asks once, holds the answer to the contract, and gives its status and its body. */
async function refusal(
  path: string,
  changes: Partial<AppDeps>,
  headers: Record<string, string> = {},
): Promise<{ status: number; json: Json }> {
  const { ask, desk } = await openCounter(changes);
  try {
    return await read("GET", path, await ask(path, { headers }));
  } finally {
    await desk.close();
  }
}

async function read(method: string, path: string, answer: Response): Promise<{ status: number; json: Json }> {
  const { status, headers } = answer;
  const text = await answer.text();
  const json = JSON.parse(text) as Json;
  assertContract(method, path, { status, headers, text, json });
  return { status, json };
}

const job = "JOB-20260102-001";

test.each([
  "/api/orchestrator/jobs",
  `/api/orchestrator/status/${job}`,
  `/api/orchestrator/stream/${job}`,
  `/api/orchestrator/events/${job}`,
  "/api/orchestrator/audit",
  "/api/orchestrator/audit/head",
])("%s at a damaged log is a 503 that does not speak of writing", async (path) => {
  const torn = (): never => {
    throw new Fatal("Cannot read the log: line 3 does not fit", exitCodes.integrity);
  };
  const archive = {
    find: () => Promise.resolve().then(torn),
    list: () => Promise.resolve().then(torn),
    firstDay: torn,
    holdsBeginning: torn,
  };
  const evidence = new Evidence({ log: torn, search: new Scans(torn).run, seal: torn, signed: torn, keyFile: "" });
  const { status, json } = await refusal(path, { archive, evidence });
  expect({ status, code: json["code"] }).toEqual({ status: 503, code: "audit_unavailable" });
  expect(`${String(json["title"])} ${String(json["detail"])}`).not.toMatch(/writ|forward/);
});

test("verifying without the key that signed is a 503 that says which file it wants", async () => {
  const log = () => ({ files: runtime.files, sha256: runtime.sha256, dir: "/nowhere" });
  const options = { log, search: new Scans(log).run, seal: () => Promise.resolve(), signed: () => 0 };
  const evidence = new Evidence({ ...options, keyFile: "/nowhere/audit.key" });
  const { status, json } = await refusal("/api/orchestrator/audit/verify", { evidence });
  expect({ status, code: json["code"] }).toEqual({ status: 503, code: "audit_unavailable" });
  expect(json["detail"]).toStartWith("Nothing was verified. Cannot read the key /nowhere/audit.key");
});

const auditId = "AUD-01ARZ3NDEKTSV4RRFFQ69G5FAV";

test.each([
  "/api/orchestrator/jobs",
  `/api/orchestrator/status/${job}`,
  `/api/orchestrator/stream/${job}`,
  `/api/orchestrator/events/${job}`,
  "/api/orchestrator/audit",
  `/api/orchestrator/audit/${auditId}`,
  `/api/orchestrator/audit/${auditId}/proof`,
])("%s, when its search may not even wait, is a 429 that does not speak of dispatches", async (path) => {
  const log = () => ({ files: runtime.files, sha256: runtime.sha256, dir: "/nowhere" });
  const search = new Scans(log).run;
  for (let i = 0; i < 34; i++) void search(() => new Promise(() => {}));
  const find = () => search(() => Promise.resolve(undefined));
  const archive = { find, list: find as never, firstDay: () => undefined, holdsBeginning: () => true };
  const evidence = new Evidence({ log, search, seal: () => Promise.resolve(), signed: () => 0, keyFile: "" });
  const { status, json } = await refusal(path, { archive, evidence });
  expect({ status, code: json["code"] }).toEqual({ status: 429, code: "rate_limited" });
  expect(`${String(json["title"])} ${String(json["detail"])}`).not.toContain("dispatch");
});

test("a dispatch whose stored answer is gone from the log is a 404 that ran nothing", async () => {
  const { desk, ask } = await openCounter();
  desk.podium.rule = () => said(200, "{}");
  const path = "/api/orchestrator/dispatch";
  const headers = { "content-type": "application/json", "idempotency-key": "k" };
  const body = JSON.stringify({ action: "enqueue_story", payload: { story_id: "S-1" } });
  const post = (): Promise<Response> => Promise.resolve(ask(path, { method: "POST", headers, body }));
  expect((await read("POST", path, await post())).status).toBe(200);
  Object.assign(desk.deps.archive, { find: () => Promise.resolve(undefined) });
  const { status, json } = await read("POST", path, await post());
  expect({ status, code: json["code"] }).toEqual({ status: 404, code: "not_found" });
  expect(json["detail"]).toContain("nothing was executed");
  await desk.close();
});

test.each([
  ["envelope=2", "/envelope"],
  ["envelope=", "/envelope"],
  ["colour=red", "/colour"],
  ["since=e:1&since=e:2", "/since"],
])("a stream, over either transport, refuses ?%s by name, before it looks for a job", async (query, pointer) => {
  for (const way of ["stream", "events"]) {
    for (const rest of ["", `/${job}`]) {
      const path = `/api/orchestrator/${way}${rest}?${query}`;
      const { status, json } = await refusal(path, {});
      expect({ path, status, code: json["code"] }).toEqual({ path, status: 400, code: "invalid_request" });
      expect(json["errors"]).toMatchObject([{ pointer }]);
    }
  }
});
